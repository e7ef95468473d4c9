"""The networks that metrics look at images with: extractors of features, LPIPS trunks, and where weights lie."""
