//! Attempts to break every error bound of the vector kernels: random vectors, then the worst of them changed bit by bit, uphill.
//!
//! A bound is that of the kernel's description. What is reported is the error over the bound, which must not exceed 1; sums are
//! compared with whole numbers of any size, in all ranges of exponents.

use crate::common;
use crate::common::exact;

use common::columns::Column;
use common::wide::softmax;
use common::{call, compute, floats, rows, text};
use exact::{Exact, Sums};
use hart_kernels::registry::{Output, Value};
use hart_kernels::{Accumulate, Element, vector};

/// Unit roundoff of single and of double precision.
const U32: f64 = 1.0 / (1u64 << 24) as f64;
const U64: f64 = 1.0 / (1u64 << 53) as f64;

/// Random vectors about each pair of exponents, and steps uphill from the worst one.
#[derive(Clone, Copy)]
struct Rounds {
    random: usize,
    steps: usize,
}

const ROUNDS: Rounds = Rounds { random: 30, steps: 70 };
/// For kernels that are attacked with many numbers.
const FEW: Rounds = Rounds { random: 8, steps: 12 };

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
}

/// What a kernel is called with.
#[derive(Clone, Copy, Debug)]
struct Setting {
    element: Element,
    accumulate: Accumulate,
}

const SINGLES: Setting = Setting { element: Element::F32, accumulate: Accumulate::F32 };
const WIDENED: Setting = Setting { element: Element::F32, accumulate: Accumulate::F64 };
const DOUBLES: Setting = Setting { element: Element::F64, accumulate: Accumulate::F64 };

impl Setting {
    fn unit(self) -> f64 {
        if self.element == Element::F32 && self.accumulate == Accumulate::F32 { U32 } else { U64 }
    }

    /// γ(⌈n/32⌉ + `more`) of the documentation.
    fn gamma(self, n: usize, more: usize) -> f64 {
        let steps = (n.div_ceil(32) + more) as f64 * self.unit();
        let underflow = if self.unit() == U32 { n as f64 * 2f64.powi(-49) } else { 0.0 };
        steps / (1.0 - steps) + 8.0 * U64 + underflow
    }

    /// The least number and the exponent of the greatest, and the bits of a significand.
    fn range(self) -> (i32, i32, u32) {
        if self.element == Element::F64 { (-1074, 1023, 52) } else { (-149, 127, 23) }
    }

    fn rounded(self, x: f64) -> f64 {
        if self.element == Element::F64 { x } else { f64::from(x as f32) }
    }

    fn params(self) -> Vec<(&'static str, Value)> {
        let word = if self.accumulate == Accumulate::F64 { "f64" } else { "f32" };
        vec![("element", text(self.element.name())), ("accumulate", text(word))]
    }

    /// The kernel's result for one pair, or one vector.
    fn run(self, name: &str, vectors: &[&[f64]], more: &[(&'static str, Value)]) -> Output {
        let columns: Vec<Column> =
            vectors.iter().map(|v| Column::new(self.element, &[Some(v.to_vec())], 0)).collect();
        let columns: Vec<_> = columns.iter().map(|column| column.vectors("v")).collect();
        call(name, compute(), &columns, more).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn number(self, name: &str, vectors: &[&[f64]]) -> f64 {
        floats(self.run(name, vectors, &self.params()))[0].expect("a number")
    }

    fn vector(self, name: &str, vectors: &[&[f64]], more: &[(&'static str, Value)]) -> Vec<f64> {
        let params = [&self.params()[..1], more].concat();
        rows(self.run(name, vectors, &params)).1.remove(0).expect("a vector")
    }

    /// A number of about 2^`centre`, give or take `spread` powers of two.
    fn random(self, random: &mut Random, centre: i32, spread: i32) -> f64 {
        let (least, greatest, _) = self.range();
        let exponent = centre + random.below(2 * spread as usize + 1) as i32 - spread;
        let exponent = exponent.clamp(least, greatest);
        // Many have few bits or almost only ones: ties and roundings that all go one way.
        let fraction = match random.below(4) {
            0 => (random.next() & 7) << 49,
            1 => (1 << 52) - 1 - (random.next() & 7 << 28),
            2 => random.next() & 7 << 29,
            _ => random.next() >> 12,
        };
        let size = f64::from_bits(1023 << 52 | fraction);
        let value = size * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
        let value = if random.below(2) == 0 { value } else { -value };
        Some(self.rounded(value)).filter(|v| v.is_finite()).unwrap_or(1.0)
    }

    /// The vectors with one number changed.
    fn changed(self, random: &mut Random, pair: &[Vec<f64>; 2]) -> [Vec<f64>; 2] {
        let mut pair = pair.clone();
        let (which, place) = (random.below(2), random.below(pair[0].len()));
        let old = pair[which][place];
        let bits = self.range().2;
        let new = match random.below(8) {
            // A bit of the significand.
            0..=3 => f64::from_bits(old.to_bits() ^ 1 << (52 - 1 - random.below(bits as usize) as u32)),
            4 => old * 2.0,
            5 => old / 2.0,
            6 => -old,
            _ => pair[1 - which][random.below(pair[0].len())],
        };
        let new = self.rounded(new);
        if new.is_finite() {
            pair[which][place] = new;
        }
        pair
    }

    /// Looks for vectors whose error is greatest beside the bound. `ratio` is the one over the other, none where there is no bound.
    fn attack(
        self,
        what: &str,
        seed: u64,
        (centres, rounds): (&[[i32; 2]], Rounds),
        ratio: impl Fn(&[f64], &[f64]) -> Option<f64>,
    ) {
        let mut random = Random(seed);
        let (element, accumulate) = (self.element.name(), self.accumulate);
        let mut found = Vec::new();
        for centre in centres {
            let mut worst = (0.0, [vec![1.0], vec![1.0]]);
            let judge = |pair: [Vec<f64>; 2], worst: &mut (f64, [Vec<f64>; 2])| {
                let Some(share) = ratio(&pair[0], &pair[1]) else { return };
                assert!(share <= 1.0, "{what}, {element}, {accumulate:?}, seed {seed}: {share} of {pair:?}");
                if share >= worst.0 {
                    *worst = (share, pair);
                }
            };
            for _ in 0..rounds.random {
                let n = [1, 2, 3, 5, 31, 32, 33, 64, 70][random.below(9)];
                let spread = [0, 1, 8, 30, 600][random.below(5)];
                let mut pair =
                    centre.map(|c| (0..n).map(|_| self.random(&mut random, c, spread)).collect::<Vec<_>>());
                match random.below(6) {
                    0 => pair[1] = pair[0].clone(),
                    1 => (1..n).for_each(|i| pair[1][i] = pair[1][0]),
                    2 => (1..n).for_each(|i| (pair[0][i], pair[1][i]) = (pair[0][0], pair[1][0])),
                    _ => {}
                }
                judge(pair, &mut worst);
            }
            for _ in 0..rounds.steps {
                let next = self.changed(&mut random, &worst.1);
                judge(next, &mut worst);
            }
            found.push(worst.0);
        }
        println!("{what}, {element}, {accumulate:?}, seed {seed}: {found:.3?} of the bound");
    }
}

/// Exponents of the two vectors: ordinary ones, and about every border of a range.
fn centres(setting: Setting) -> &'static [[i32; 2]] {
    match setting.element {
        Element::F64 => &[
            [0, 0],
            [-480, -480],
            [-481, -479],
            [-240, -240],
            [240, 240],
            [511, 511],
            [1000, 10],
            [1022, -600],
            [-537, -537],
            [-1060, -10],
            [-1070, -1070],
            [500, -1000],
            [-530, 530],
        ],
        _ => &[
            [0, 0],
            [-50, -50],
            [-62, -38],
            [-75, -25],
            [-75, -75],
            [-140, -10],
            [63, 63],
            [120, 7],
            [-149, -149],
        ],
    }
}

/// |got − exact| over the bound. Where the exact number, or one within the bound, is beyond the doubles, it may be infinite.
fn share(got: f64, exact: &Exact, bound: &Exact) -> Option<f64> {
    if got.is_infinite() && exact.abs().plus(bound).value() >= f64::MAX {
        return None;
    }
    assert!(got.is_finite(), "{got} for {:e}", exact.value());
    let error = Exact::from(got).minus(exact).abs();
    if error.is_zero() { Some(0.0) } else { Some(error.over(bound).value()) }
}

/// A relative bound, and half the least double for a subnormal result.
fn relative(share: f64, of: &Exact) -> Exact {
    Exact::from(share).times(of).plus(&Exact::power(-1075))
}

const SETTINGS: [Setting; 3] = [SINGLES, WIDENED, DOUBLES];

#[test]
fn dot_products() {
    for setting in SETTINGS {
        setting.attack("dot product", 1, (centres(setting), ROUNDS), |a, b| {
            let sums = Sums::of(a, b);
            let bound = relative(setting.gamma(a.len(), 0), &sums.terms);
            share(setting.number("vector_dot_product", &[a, b]), &sums.ab, &bound)
        });
    }
}

#[test]
fn norms() {
    for setting in SETTINGS {
        setting.attack("norm", 2, (centres(setting), ROUNDS), |a, b| {
            let norm = Sums::of(a, b).aa.root();
            let bound = relative(setting.gamma(a.len(), 0) / 2.0, &norm);
            share(setting.number("vector_norm", &[a]), &norm, &bound)
        });
    }
}

#[test]
fn euclidean_distances() {
    for setting in SETTINGS {
        setting.attack("Euclidean distance", 3, (centres(setting), ROUNDS), |a, b| {
            let distance = Sums::of(a, b).squared_distance.root();
            let bound = relative(setting.unit() + setting.gamma(a.len(), 2) / 2.0, &distance);
            share(setting.number("vector_euclidean_distance", &[a, b]), &distance, &bound)
        });
    }
}

#[test]
fn manhattan_distances() {
    for setting in SETTINGS {
        setting.attack("Manhattan distance", 6, (centres(setting), ROUNDS), |a, b| {
            let distance = Sums::of(a, b).distance;
            let bound = relative(setting.gamma(a.len(), 1), &distance);
            share(setting.number("vector_manhattan_distance", &[a, b]), &distance, &bound)
        });
    }
}

#[test]
fn cosines() {
    for setting in SETTINGS {
        setting.attack("cosine similarity", 4, (centres(setting), ROUNDS), |a, b| {
            let bound = Exact::from(3.0 * setting.gamma(a.len(), 0));
            share(setting.number("vector_cosine_similarity", &[a, b]), &Sums::of(a, b).cosine(), &bound)
        });
        setting.attack("cosine distance", 5, (centres(setting), ROUNDS), |a, b| {
            let bound = Exact::from(3.0 * setting.gamma(a.len(), 0) + U64);
            let exact = Exact::from(1.0).minus(&Sums::of(a, b).cosine());
            share(setting.number("vector_distance", &[a, b]), &exact, &bound)
        });
    }
}

/// The worst share among the components.
fn worst(shares: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    shares.flatten().reduce(f64::max)
}

#[test]
fn normalized_vectors() {
    for setting in [SINGLES, DOUBLES] {
        setting.attack("normalized vector", 6, (centres(setting), ROUNDS), |a, b| {
            let norm = Sums::of(a, b).aa.root();
            if norm.is_zero() {
                return None;
            }
            let relative = Exact::from(setting.unit() + setting.gamma(a.len(), 0) / 2.0);
            let half = Exact::power(i64::from(setting.range().0) - 1);
            let got = setting.vector("vector_normalize", &[a], &[]);
            worst(a.iter().zip(got).map(|(x, got)| {
                let exact = Exact::from(*x).over(&norm);
                share(got, &exact, &relative.times(&exact.abs()).plus(&half))
            }))
        });
    }
}

/// Half a unit in the last place of `value` as the setting's numbers have it.
fn half_step(setting: Setting, value: f64) -> Exact {
    let (least, _, bits) = setting.range();
    let exponent = (value.to_bits() >> 52 & 0x7ff) as i32 - 1023 - bits as i32;
    Exact::power(i64::from(exponent.max(least)) - 1)
}

#[test]
fn softmaxes() {
    for setting in [SINGLES, DOUBLES] {
        let centres = [[0, 0], [-20, 0], [3, 0], [6, 0], [9, 0]];
        setting.attack("softmax", 7, (&centres, ROUNDS), |a, _| {
            let top = a.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if a.iter().any(|x| top - x > 690.0) {
                return None;
            }
            let n = a.len() as f64;
            let got = setting.vector("vector_softmax", &[a], &[]);
            worst(a.iter().zip(softmax(a)).zip(got).map(|((x, exact), got)| {
                let bound = match setting.element {
                    Element::F64 => (top - x + n.ln() + (n / 32.0).ceil() + 24.0) * U64 * exact.value(),
                    _ => 1.02 * half_step(setting, exact.value()).value(),
                };
                Some(common::wide::error(got, exact) / bound)
            }))
        });
    }
}

/// Numbers that singles hold, almost hold and do not hold.
const FACTORS: [f64; 12] =
    [0.3, -1.5, 1e39, -1e39, 3e-39, 1e-46, -1e-50, 1e60, 3.4028235e38, 1.0, 1e20, 1.1754943e-38];

#[test]
fn multiples() {
    for setting in [SINGLES, DOUBLES] {
        for (seed, factor) in (100..).zip(FACTORS) {
            let rounded = if setting.element == Element::F64 { factor } else { f64::from(factor as f32) };
            setting.attack(&format!("times {factor:e}"), seed, (centres(setting), FEW), |a, _| {
                let got = setting.vector("vector_scale", &[a], &[("factor", Value::Float(factor))]);
                worst(a.iter().zip(got).map(|(x, got)| {
                    // Of two singles where that is finite, of doubles else.
                    let in_singles = setting.element == Element::F32
                        && rounded.abs() >= f64::from(f32::MIN_POSITIVE)
                        && ((x * rounded) as f32).is_finite();
                    let of = if in_singles { rounded } else { factor };
                    let exact = Exact::from(*x).times(&Exact::from(of));
                    if got.is_infinite() {
                        // Only what rounds to no number of the element type.
                        let greatest =
                            if setting.element == Element::F64 { f64::MAX } else { f64::from(f32::MAX) };
                        assert!(exact.abs().value() >= greatest, "{x:e} times {factor:e}");
                        return None;
                    }
                    let more =
                        if setting.element == Element::F32 && !in_singles { 2f64.powi(-28) } else { 0.0 };
                    share(got, &exact, &half_step(setting, got).times(&Exact::from(1.0 + more)))
                }))
            });
        }
    }
}

#[test]
fn interpolations() {
    for setting in [SINGLES, DOUBLES] {
        for (seed, t) in (200..).zip(FACTORS) {
            let least = i64::from(setting.range().0);
            setting.attack(&format!("interpolation at {t:e}"), seed, (centres(setting), FEW), |a, b| {
                let got = setting.vector("vector_lerp", &[a, b], &[("t", Value::Float(t))]);
                worst(a.iter().zip(b).zip(got).map(|((x, y), got)| {
                    let (size, t) = (Exact::from(t).abs(), Exact::from(t));
                    let one = Exact::from(1.0);
                    let (x, y) = (Exact::from(*x), Exact::from(*y));
                    let exact = x.times(&one.minus(&t)).plus(&y.times(&t));
                    let terms = x.abs().times(&one.plus(&size)).plus(&y.abs().times(&size));
                    let bound = terms.times(&Exact::from(4.0 * setting.unit())).plus(&Exact::power(least));
                    if !got.is_finite() {
                        let greatest =
                            if setting.element == Element::F64 { f64::MAX } else { f64::from(f32::MAX) };
                        // Of doubles a product may overflow, of singles only the result.
                        let size =
                            if setting.element == Element::F64 { terms } else { exact.abs().plus(&bound) };
                        assert!(size.value() >= greatest, "{got} for {:e}", exact.value());
                        return None;
                    }
                    share(got, &exact, &bound)
                }))
            });
        }
    }
}

/// Terms that vanish beside a sum that is just kept: without n·2⁻⁴⁹ the bound would be too small.
#[test]
fn steps_that_underflow_beside_a_sum_that_is_kept() {
    let (mut a, mut b) = ([2f64.powi(-75); 32], [2f64.powi(-75); 32]);
    (a[0], b[0]) = (24929.0 * 2f64.powi(-62), 673.0 * 2f64.powi(-62));
    let sums = Sums::of(&a, &b);
    let got = SINGLES.number("vector_dot_product", &[&a, &b]);
    let without = SINGLES.gamma(32, 0) - 32.0 * 2f64.powi(-49);
    let [old, new] = [without, SINGLES.gamma(32, 0)]
        .map(|gamma| share(got, &sums.ab, &relative(gamma, &sums.terms)).unwrap());
    assert!(old > 1.0 && new <= 1.0, "{old} {new}");
}

#[test]
fn sums_of_bytes_are_exact_as_far_as_is_said() {
    let packed = |value: f64, n: usize| Column::new(Element::I8, &[Some(vec![value; n])], 0);
    let params = |word: &str| [("element", text("i8")), ("accumulate", text(word))];
    let number = |name: &str, a: &Column, b: &Column, word: &str| {
        let columns = [a.vectors("a"), b.vectors("b")];
        floats(call(name, compute(), &columns, &params(word)).unwrap())[0].unwrap()
    };
    for n in [1, 31, 1000, 32_767, 32_768] {
        let low = packed(-128.0, n);
        assert_eq!(number("vector_dot_product", &low, &low, "f32"), n as f64 * 16384.0);
    }
    for n in [1, 33, 8_255, 8_256, 100_000] {
        let (low, high) = (packed(-128.0, n), packed(127.0, n));
        let word = if n <= 8_256 { "f32" } else { "f64" };
        assert_eq!(number("vector_euclidean_distance", &low, &high, word), (n as f64 * 65025.0).sqrt());
    }
    // Odd products of every size.
    let mut random = Random(8);
    let [a, b] =
        [0, 1].map(|_| (0..32_768).map(|_| (random.next() as u8 | 1) as i8 as f64).collect::<Vec<_>>());
    let exact: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
    let [a, b] = [a, b].map(|v| Column::new(Element::I8, &[Some(v)], 0));
    assert_eq!(number("vector_dot_product", &a, &b, "f32"), exact);
}

#[test]
fn doubles_of_any_size_have_their_norms_distances_and_cosines() {
    let number = |name: &str, vectors: &[&[f64]]| DOUBLES.number(name, vectors);
    for power in [-1070, -700, -540, -500, -241, 0, 241, 500, 512, 700, 1000] {
        let scale = |v: f64| v * 2f64.powi(power / 2) * 2f64.powi(power - power / 2);
        let (a, b) = ([scale(3.0), scale(4.0)], [scale(-4.0), scale(3.0)]);
        assert_eq!(number("vector_norm", &[&a]), scale(5.0), "{power}");
        assert_eq!(number("vector_euclidean_distance", &[&a, &[0.0, 0.0]]), scale(5.0), "{power}");
        assert_eq!(number("vector_manhattan_distance", &[&a, &[0.0, 0.0]]), scale(7.0), "{power}");
        assert_eq!(number("vector_cosine_similarity", &[&a, &a]), 1.0, "{power}");
        assert_eq!(number("vector_cosine_similarity", &[&a, &b]), 0.0, "{power}");
        assert_eq!(number("vector_cosine_similarity", &[&a, &[5.0, 0.0]]), 0.6, "{power}");
        assert_eq!(DOUBLES.vector("vector_normalize", &[&a], &[]), [0.6, 0.8], "{power}");
    }
    let apart = number("vector_euclidean_distance", &[&[f64::MAX / 2.0, 0.0], &[-f64::MAX / 2.0, 0.0]]);
    assert_eq!(apart, f64::MAX);
    assert_eq!(number("vector_euclidean_distance", &[&[f64::MAX], &[f64::MIN]]), f64::INFINITY);
    assert_eq!(number("vector_manhattan_distance", &[&[f64::MAX / 2.0], &[-f64::MAX / 2.0]]), f64::MAX);
    assert_eq!(number("vector_manhattan_distance", &[&[f64::MAX], &[f64::MIN]]), f64::INFINITY);
    assert_eq!(number("vector_dot_product", &[&[1e200, 1e200], &[1e200, 1e200]]), f64::INFINITY);
    // Terms beyond the doubles that cancel, and the term that is left.
    assert_eq!(number("vector_dot_product", &[&[1e200, 1e200], &[1e200, -1e200]]), 0.0);
    assert_eq!(number("vector_dot_product", &[&[f64::INFINITY, 1e200], &[1.0, -1e200]]), f64::INFINITY);
    let crossed = number("vector_cosine_similarity", &[&[1e-160, 1e-162], &[1e-162, 1e-160]]);
    assert!((crossed - 0.019_998_000_199_980_002).abs() < 1e-15, "{crossed}");
    // A single and a double of the same value agree.
    assert_eq!(
        vector::norm(&[3e-30, 4e-30]),
        number("vector_norm", &[&[f64::from(3e-30f32), f64::from(4e-30f32)]])
    );
}
