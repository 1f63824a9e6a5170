//! Small calls leave the pool of all threads alone. One test, for a process has one such pool.

#[path = "it/common/mod.rs"]
mod common;

use common::uniform;
use hart_kernels::tensor::{SvdMethod, SvdOptions, coefficients, error, reconstruct, svd, synthesize};

#[test]
fn small_calls_do_not_start_threads() {
    let matrix = uniform(1, 120 * 90);
    let options = SvdOptions::default().rank(3).method(SvdMethod::Randomized);
    let factors = svd(&matrix, 120, 90, &options).unwrap();
    assert_eq!(reconstruct(&factors).unwrap().len(), matrix.len());
    svd(&matrix, 120, 90, &SvdOptions::default()).unwrap();
    let atoms: Vec<&[f32]> = matrix.chunks(90).collect();
    coefficients(&matrix[..90], &atoms[..70]).unwrap();
    coefficients(&matrix[..90], &atoms).unwrap();
    synthesize(&atoms.iter().map(|atom| (0.5, *atom)).collect::<Vec<_>>()).unwrap();
    error(&matrix, &matrix).unwrap();
    // Only a pool that nobody has used yet can be set up.
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
}
