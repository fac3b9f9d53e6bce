"""What people send: recognised by content, checked at the door, and decoded safely."""
