"""The demo site: a small shop whose staff work with script apps."""
