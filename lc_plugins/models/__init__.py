"""Models of other tools, used from YAML: torch.export, TorchScript, ONNX, pythae, diffusers, and folders of our VAEs."""
