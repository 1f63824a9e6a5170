//! The peers' functions under the kernels' conventions, and which instruction sets they chose on this machine.

use hart_kernels::{Level, Metric};
use numkong::{Angular, Dot, Euclidean, cap};
use simsimd::SpatialSimilarity;

/// A distance of two vectors, signed as [`Metric`] says.
pub type Distance = fn(&[f32], &[f32]) -> f64;

/// simsimd's function for a metric; it sums in single precision.
pub fn simsimd(metric: Metric) -> Distance {
    match metric {
        Metric::Dot => |a, b| -SpatialSimilarity::dot(a, b).unwrap(),
        Metric::Euclidean => |a, b| SpatialSimilarity::l2(a, b).unwrap(),
        _ => |a, b| SpatialSimilarity::cos(a, b).unwrap(),
    }
}

/// numkong's function for a metric; it sums in double precision.
pub fn numkong(metric: Metric) -> Distance {
    match metric {
        Metric::Dot => |a, b| -<f32 as Dot>::dot(a, b).unwrap(),
        Metric::Euclidean => |a, b| <f32 as Euclidean>::euclidean(a, b).unwrap(),
        _ => |a, b| f32::angular(a, b).unwrap(),
    }
}

/// The name of a metric in the titles of groups.
pub fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::Dot => "dot",
        Metric::Euclidean => "euclidean",
        _ => "cosine",
    }
}

/// Prints what every contestant found on this machine.
pub fn print_capabilities() {
    use simsimd::capabilities as s;
    let simsimd = [
        ("neon", s::uses_neon()),
        ("sve", s::uses_sve()),
        ("haswell", s::uses_haswell()),
        ("skylake", s::uses_skylake()),
        ("ice", s::uses_ice()),
        ("genoa", s::uses_genoa()),
        ("turin", s::uses_turin()),
    ];
    let available = numkong::capabilities::available();
    let numkong = [
        ("neon", cap::NEON),
        ("sve", cap::SVE),
        ("haswell", cap::HASWELL),
        ("skylake", cap::SKYLAKE),
        ("icelake", cap::ICELAKE),
        ("genoa", cap::GENOA),
        ("turin", cap::TURIN),
    ]
    .map(|(name, bit)| (name, available & bit != 0));
    let list = |found: &[(&'static str, bool)]| {
        found.iter().filter(|(_, here)| *here).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    };
    println!("hart: {:?} of {:?}", Level::current(), Level::available());
    println!("simsimd (dynamic dispatch: {}): {}", s::uses_dynamic_dispatch(), list(&simsimd));
    println!(
        "numkong (dynamic dispatch: {}): {}",
        numkong::capabilities::uses_dynamic_dispatch(),
        list(&numkong)
    );
}
