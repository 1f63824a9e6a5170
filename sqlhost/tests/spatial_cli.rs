//! The spatial commands as their users type them.
