"""What every provider behind an HTTP API owes us, run over all of them."""
