//! What is there with the features that are on: also run without any. It is a test crate of its own, because the others need all.
#![allow(missing_docs)]

use hart_kernels::registry::{Family, KERNELS, find};
use hart_kernels::{Index, Metric, TopK, Vectors};

#[test]
fn the_registry_lists_what_is_compiled_in() {
    let families = [
        (Family::Vector, "vector_top_k", true),
        (Family::Tensor, "tensor_svd", cfg!(feature = "tensor")),
        (Family::Spatial, "spatial_hilbert", cfg!(feature = "spatial")),
        (Family::System, "system_info", true),
    ];
    for (family, name, there) in families {
        assert_eq!(KERNELS.iter().any(|kernel| kernel.family == family), there, "{family:?}");
        assert_eq!(find(name).is_ok(), there, "{name}");
    }
}

#[test]
fn searches_need_no_feature() {
    let rows: Vec<f32> = (0..4000).map(|i| ((i * 37 % 101) as f32 - 50.0) / 8.0).collect();
    let ids: Vec<i64> = (0..2000).rev().collect();
    let index = Index::with_codes(2).unwrap();
    index.add_all(&ids, &rows).unwrap();
    let query = Vectors::matrix(&[1.0, 2.0], 2).unwrap();
    let found = index.search(&query, 5, Metric::Cosine).unwrap().remove(0);
    let hits = TopK::new(5).ids(&ids).search(&Vectors::matrix(&rows, 2).unwrap(), &query).unwrap().remove(0);
    let found: Vec<_> = found.iter().map(|n| (n.id, n.distance.to_bits())).collect();
    assert_eq!(found, hits.iter().map(|hit| (hit.id, hit.distance.to_bits())).collect::<Vec<_>>());
}
