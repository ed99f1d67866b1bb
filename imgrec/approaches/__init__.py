"""The three approaches: from scratch, pre-trained, transfer."""
