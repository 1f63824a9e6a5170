//! The bits of sums from their definition: a page of Python that knows nothing else gives those of the file of results, and of vectors
//! whose sums leave every range that the definition names.

mod common;

use std::fmt::Write;
use std::process::Command;

use common::{root, run};
use hart_kernels::registry::{self, Call, Input, Output, Params, Value, Values};
use hart_kernels::vector::batch::canonical_number;
use hart_kernels::{Compute, Element, Vectors};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// A number of about 2^`exponent`, give or take `spread` powers of two, as the element type has it.
    fn number(&mut self, element: Element, exponent: i32, spread: i32) -> f64 {
        let exponent = exponent + self.below(2 * spread as usize + 1) as i32 - spread;
        let size = 1.0 + (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        let size = if self.below(2) == 0 { size } else { -size };
        // In two steps, for the least numbers.
        let value = size * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
        if element == Element::F32 { f64::from(value as f32) } else { value }
    }
}

fn packed(element: Element, values: &[f64]) -> Vec<u8> {
    match element {
        Element::F64 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        _ => values.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
    }
}

/// What the kernel of that name, or `vector_distance` in that metric, gives for a pair.
fn result(name: &str, element: Element, accumulate: &str, a: &[f64], b: &[f64]) -> f64 {
    let metric = ["cosine", "euclidean", "dot", "manhattan"].contains(&name);
    let kernel = if metric { "vector_distance".into() } else { format!("vector_{name}") };
    let kernel = registry::find(&kernel).unwrap();
    let mut given = vec![
        ("element".into(), Value::Text(element.name().into())),
        ("accumulate".into(), Value::Text(accumulate.into())),
    ];
    if metric {
        given.push(("metric".into(), Value::Text(name.into())));
    }
    let bytes = [packed(element, a), packed(element, b)];
    let column = |n: usize| Vectors::packed("v", element, &bytes[n], &[bytes[n].len() as i32]).unwrap();
    let mut inputs = vec![Input::Id(None)];
    inputs.extend((0..kernel.inputs.len() - 1).map(|n| Input::Vectors(column(n))));
    let params = Params::bind(kernel, &given).unwrap();
    let call = Call::new(kernel, 1, inputs, params, Compute::new()).unwrap();
    let Output { columns, .. } = (kernel.run)(&call).unwrap();
    let [Values::Float(values)] = columns.as_slice() else { panic!("{columns:?}") };
    canonical_number(values[0].unwrap())
}

#[test]
#[ignore = "needs python3"]
fn python_gives_the_same_bits_from_the_definition_alone() {
    const NAMES: [&str; 8] = [
        "dot_product",
        "cosine_similarity",
        "euclidean_distance",
        "norm",
        "cosine",
        "euclidean",
        "dot",
        "manhattan",
    ];
    let mut random = Random(21);
    let mut cases = String::new();
    let mut count = 0;
    for (element, accumulate, specials) in [
        (Element::F32, "f32", [3e38f32, 1e-45, f32::MAX].map(f64::from)),
        (Element::F32, "f64", [3e38f32, 1e-45, f32::MAX].map(f64::from)),
        (Element::F64, "f64", [1e308, 5e-324, f64::MAX]),
    ] {
        // About the borders of the ranges, and far from them.
        let (centres, widest): (&[i32], i32) = match element {
            Element::F32 => (&[0, -50, -51, -75, -140, 60, 63, 64, 125], 70),
            _ => (&[0, -240, 239, 240, -480, -481, -500, -530, -1060, 480, 511, 512, 1020], 900),
        };
        for i in 0..700 {
            let n = 1 + random.below(if i % 10 == 0 { 100 } else { 34 });
            let [first, second] = [0, 1].map(|_| centres[random.below(centres.len())]);
            // Two vectors of which only the product is about a border.
            let second = if i % 3 == 0 {
                first
            } else if i % 3 == 1 {
                -first
            } else {
                second
            };
            let spread = [0, 2, 20, widest][random.below(4)];
            let mut a: Vec<f64> = (0..n).map(|_| random.number(element, first, spread)).collect();
            let mut b: Vec<f64> = (0..n).map(|_| random.number(element, second, spread)).collect();
            match random.below(8) {
                0 => b.clone_from(&a),
                1 => b = a.iter().map(|x| -x).collect(),
                // Products that cancel.
                2 => (0..n / 2).for_each(|j| (a[2 * j + 1], b[2 * j + 1]) = (a[2 * j], -b[2 * j])),
                3 => (0..n).for_each(|j| if random.below(2) == 0 { a[j] = 0.0 } else { b[j] = -0.0 }),
                4 => {
                    let others = [specials[0], -specials[0], specials[1], specials[2], -specials[2], 0.0];
                    let place = random.below(n);
                    (a[place], b[place]) = (others[random.below(6)], others[random.below(6)]);
                }
                5 if i % 4 == 0 => {
                    a[random.below(n)] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][random.below(3)];
                }
                _ => {}
            }
            let text =
                |v: &[f64]| v.iter().map(|x| format!("{:016x}", x.to_bits())).collect::<Vec<_>>().join(",");
            for name in NAMES {
                let bits = result(name, element, accumulate, &a, &b).to_bits();
                let (element, a, b) = (element.name(), text(&a), text(&b));
                writeln!(cases, "{name} {element} {accumulate} {a} {b} {bits:016x}").unwrap();
                count += 1;
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.txt");
    std::fs::write(&file, cases).unwrap();
    let program = root().join("tests/definition.py");
    let printed = run(Command::new("python3").arg(program).arg(root().join("tests/results.txt")).arg(&file));
    assert_eq!(printed.trim(), format!("218 lines of results, {count} cases"));
}
