//! What the benches share: seeded data, answers in wider arithmetic, and the machine's limits.

pub mod data;
pub mod limit;
pub mod oracle;
pub mod peer;
pub mod search;
