"""The folder of a command: built from a spec, written block by block, with its report and page."""
