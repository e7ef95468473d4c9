"""Two partially labelled sets of faces, attributes on one and expressions on the other: StarGAN's task (1711.09020)."""
