//! What is compiled in is what the registry lists.

use hart_kernels::registry::{Family, KERNELS, find};

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
