"""StarGAN and the rows of its tables: one model for many domains, and what it is compared with."""
