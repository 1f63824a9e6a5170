//! t
use hart_kernels::spatial::*;
use hart_kernels::*;
use std::time::Instant;
fn main() {
    let n = 1998;
    let rows = 20000;
    let mut s = 12345u64;
    let m: Vec<f32> = (0..rows * n)
        .map(|_| {
            s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((s >> 40) as f32 / 16777216.0) * 2.0 - 1.0
        })
        .collect();
    let basis = Basis::random(n, 64, 1).unwrap();
    let v = Vectors::matrix(&m, n).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for acc in [Accumulate::F32, Accumulate::F64] {
        let c = Compute::new().unwrap().accumulate(acc);
        let mut best = f64::MAX;
        for _ in 0..20 {
            let t = Instant::now();
            let p = pool.install(|| project_with(c, &basis, &v, false).unwrap());
            best = best.min(t.elapsed().as_secs_f64());
            std::hint::black_box(p);
        }
        println!("{acc:?} {:.2} ms {:.1} Gflop/s", best * 1e3, 2.0 * (rows * n * 64) as f64 / best / 1e9);
    }
}
