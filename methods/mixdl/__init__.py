"""Generation from ten images: MixDL and the methods that it is compared with."""
