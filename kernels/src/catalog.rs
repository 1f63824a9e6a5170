//! The list of kernels. To add a kernel, write its file with its row and name the row in `KERNELS`.

use crate::cluster;
use crate::contract::Kernel;
use crate::error::Error;
use crate::group;
use crate::series;
#[cfg(feature = "spatial")]
use crate::spatial;
use crate::system;
#[cfg(feature = "tensor")]
use crate::tensor;
use crate::vector;

/// A list of kernels, of which some are there only with a feature.
macro_rules! kernels {
    ([$($first:path,)*] $(#[$feature:meta] [$($kernel:path,)*])* [$($last:path,)*]) => {
        &[$(&$first,)* $($(#[$feature] &$kernel,)*)* $(&$last,)*]
    };
}

/// All kernels that are compiled in, by family and then by name.
pub static KERNELS: &[&Kernel] = kernels! {
    [
        vector::add::KERNEL,
        vector::arg_max::KERNEL,
        cluster::assign::KERNEL,
        group::average::KERNEL,
        vector::binarize::KERNEL,
        vector::candidates::KERNEL,
        vector::cosine_similarity::KERNEL,
        group::covariance::KERNEL,
        cluster::dbscan::KERNEL,
        vector::distance::KERNEL,
        vector::dot_product::KERNEL,
        vector::euclidean_distance::KERNEL,
        group::geometric_median::KERNEL,
        vector::hamming_distance::KERNEL,
        cluster::isolation_forest::KERNEL,
        vector::jaccard_distance::KERNEL,
        vector::join::KERNEL,
        cluster::kmeans::KERNEL,
        vector::lerp::KERNEL,
        cluster::local_outlier_factor::KERNEL,
        cluster::mahalanobis::KERNEL,
        vector::manhattan_distance::KERNEL,
        group::maximum::KERNEL,
        group::median::KERNEL,
        group::merge::KERNEL,
        group::minimum::KERNEL,
        vector::norm::KERNEL,
        vector::normalize::KERNEL,
        vector::quantize::KERNEL,
        vector::range::KERNEL,
        vector::scale::KERNEL,
        vector::softmax::KERNEL,
        group::state::KERNEL,
        vector::subtract::KERNEL,
        group::sum::KERNEL,
        vector::top_k::KERNEL,
        vector::top_k_bits::KERNEL,
        group::variance::KERNEL,
        group::weighted_average::KERNEL,
        series::cusum::KERNEL,
        series::drift::KERNEL,
        series::dtw::KERNEL,
    ]
    #[cfg(feature = "tensor")]
    [
        tensor::coefficients::KERNEL,
        tensor::compare::KERNEL,
        tensor::dequantize::KERNEL,
        tensor::drift::KERNEL,
        tensor::error::KERNEL,
        tensor::importance::KERNEL,
        tensor::prune::KERNEL,
        tensor::reconstruct::KERNEL,
        tensor::svd::KERNEL,
        tensor::synthesize::KERNEL,
    ]
    #[cfg(feature = "spatial")]
    [
        spatial::basis::describe::KERNEL,
        spatial::curve::buckets::KERNEL,
        spatial::search::candidates::KERNEL,
        spatial::measure::centroid::KERNEL,
        spatial::measure::convex_hull::KERNEL,
        spatial::geometry::coordinates::KERNEL,
        spatial::measure::density::KERNEL,
        spatial::measure::distance_along::KERNEL,
        spatial::basis::fit::KERNEL,
        spatial::geometry::from_wkb::KERNEL,
        spatial::geometry::from_wkt::KERNEL,
        spatial::curve::hilbert::KERNEL,
        spatial::curve::hilbert_inverse::KERNEL,
        spatial::curve::hilbert_ranges::KERNEL,
        spatial::search::hybrid_search::KERNEL,
        spatial::basis::landmarks::KERNEL,
        spatial::measure::length::KERNEL,
        spatial::curve::morton::KERNEL,
        spatial::curve::morton_inverse::KERNEL,
        spatial::search::multi_resolution_search::KERNEL,
        spatial::search::nearest::KERNEL,
        spatial::measure::path::KERNEL,
        spatial::geometry::point::KERNEL,
        spatial::basis::project::KERNEL,
        spatial::search::recall::KERNEL,
        spatial::geometry::to_wkb::KERNEL,
        spatial::geometry::to_wkt::KERNEL,
        spatial::geometry::weights::KERNEL,
        spatial::geometry::weights_inverse::KERNEL,
    ]
    [
        system::echo::KERNEL,
        system::info::KERNEL,
    ]
};

/// The kernel of that name, ignoring case and surrounding blanks, because the name arrives as a script text.
///
/// # Errors
///
/// [`Error::UnknownKernel`] with similarly spelled names.
///
/// # Examples
///
/// ```
/// use hart_kernels::registry;
/// assert_eq!(registry::find(" Vector_Dot_Product\n")?.name, "vector_dot_product");
/// let error = registry::find("vector_dotproduct").unwrap_err();
/// assert_eq!(error.to_string(), "unknown kernel `vector_dotproduct`; did you mean vector_dot_product?");
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn find(name: &str) -> Result<&'static Kernel, Error> {
    let name = name.trim();
    KERNELS.iter().copied().find(|k| k.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        // The text sent may be a whole program in another language; only its beginning is worth repeating.
        let shown: String = name.chars().take(60).flat_map(char::escape_default).collect();
        Error::UnknownKernel { name: shown, nearest: nearest(name, KERNELS.iter().map(|k| k.name)) }
    })
}

/// Up to three of `names` that are spelled most like `name`, or contain it.
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name: String = name.chars().take(60).collect::<String>().to_ascii_lowercase();
    let mut scored: Vec<(usize, bool, &'a str)> = names
        .filter_map(|candidate| {
            let lower = candidate.to_ascii_lowercase();
            let distance = edit_distance(&name, &lower);
            let contains = name.len() >= 3 && lower.contains(&name);
            (contains || distance <= candidate.len() / 3).then_some((distance, contains, candidate))
        })
        .collect();
    scored.sort_unstable();
    let least = scored.first().map_or(0, |(distance, ..)| *distance);
    scored.retain(|(distance, contains, _)| *contains || *distance == least);
    scored.truncate(3);
    scored.into_iter().map(|(.., name)| name).collect()
}

/// Levenshtein distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut current = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replace = previous[j] + usize::from(x != *y);
            current.push(replace.min(previous[j + 1] + 1).min(current[j] + 1));
        }
        previous = current;
    }
    previous[b.len()]
}
