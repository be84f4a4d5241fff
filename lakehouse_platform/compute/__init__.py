"""Where steps run when this process is too small for them."""
