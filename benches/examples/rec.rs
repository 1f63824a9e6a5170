use hart_kernels::tensor::*;
use hart_kernels::*;
use std::time::Instant;
fn main() {
    let (m, n, k) = (1536, 384, 384);
    let f = |s: u32, n: usize| -> Vec<f32> {
        (0..n as u32)
            .map(|i| {
                let mut u = i.wrapping_mul(2654435761).wrapping_add(s);
                u ^= u >> 16;
                u = u.wrapping_mul(0x85ebca6b);
                u ^= u >> 13;
                (u as f64 / 2147483648.0 - 1.0) as f32
            })
            .collect()
    };
    let s = Svd {
        rows: m,
        columns: n,
        singular_values: (0..k).map(|i| 1.0 / (1.0 + i as f64)).collect(),
        u: f(1, m * k),
        v: f(2, n * k),
        energy: 1.0,
    };
    for t in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(t).build().unwrap();
        pool.install(|| {
            for l in Level::available() {
                let c = Compute::new().unwrap().level(l);
                let reps = if l.name() == "scalar" { 3 } else { 100 };
                let mut ts: Vec<f64> = (0..reps)
                    .map(|_| {
                        let t0 = Instant::now();
                        std::hint::black_box(reconstruct_with(c, &s).unwrap());
                        t0.elapsed().as_secs_f64()
                    })
                    .collect();
                ts.sort_by(f64::total_cmp);
                let x = reconstruct_with(c, &s).unwrap();
                let h = x.iter().fold(0u64, |h, x| h.wrapping_mul(31).wrapping_add(x.to_bits() as u64));
                let g = 2.0 * (m * n * k) as f64 / 1e9;
                println!("{t} {}: med {:.1} best {:.1} GFLOPS {h:x}", l.name(), g / ts[reps / 2], g / ts[0]);
            }
            let ops = 1usize << 30;
            let mut ts: Vec<f64> = (0..20)
                .map(|_| {
                    let t0 = Instant::now();
                    std::hint::black_box(hart_benches::limit::multiply_add(ops));
                    t0.elapsed().as_secs_f64()
                })
                .collect();
            ts.sort_by(f64::total_cmp);
            println!("{t} peak med {:.1} best {:.1}", ops as f64 / 1e9 / ts[10], ops as f64 / 1e9 / ts[0]);
        });
    }
}
