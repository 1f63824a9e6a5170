//! What was recorded from the functions that these kernels replace (`tests/data/README.md`).

use std::sync::OnceLock;

use serde_json::Value as Json;

/// The recording.
pub(crate) fn golden() -> &'static Json {
    static GOLDEN: OnceLock<Json> = OnceLock::new();
    GOLDEN.get_or_init(|| serde_json::from_str(include_str!("../../data/clr-golden.json")).unwrap())
}
