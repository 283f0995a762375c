"""What is decided, without I/O: state, events and time go in, decisions come out."""
