//! What only an engine with a file can be asked about.
