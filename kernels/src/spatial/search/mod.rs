//! Searches that filter by space first, and what they lose or prove not to lose.

pub(crate) mod candidates;
pub(crate) mod hybrid_search;
pub(crate) mod multi_resolution_search;
pub(crate) mod nearest;
pub(crate) mod order;
pub(crate) mod recall;
pub mod sieve;
