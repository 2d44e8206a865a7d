"""BitTorrent programs of others, each as one seed and its leechers on this machine."""
