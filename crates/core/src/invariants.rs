//! The promises as predicates, shared by every level of tests.
