"""Models of other tools, used from YAML: torch.export, TorchScript, ONNX, pythae, diffusers, and our own folders."""
