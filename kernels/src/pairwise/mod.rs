//! The engine: sums over pairs of vectors, one pair or many at once, with the same bits.

pub(crate) mod compute;
pub(crate) mod lane_major;
pub(crate) mod narrow;
pub(crate) mod one_to_many;
pub(crate) mod precision;
pub(crate) mod prefetch;
pub(crate) mod products;
pub(crate) mod reduce;
pub(crate) mod scaled;
pub(crate) mod streams;
pub(crate) mod sum;
pub(crate) mod tiles;
