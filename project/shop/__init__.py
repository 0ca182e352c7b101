"""The demo site's shop: what its script apps read and write."""
