//! Which file of the crate may import which: rooms form a stack, and no files import each other in a circle. A folder's `mod.rs` may
//! use the files of its own folder beside being used by them: the two are one module.

use crate::common::imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use imports::{circle, imports, paths, sources};

/// Each room with the rooms it may import from, lowest first.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("number", &["error"]),
    ("arch", &["error"]),
    ("memory", &["error", "arch"]),
    ("parallel", &["error", "arch"]),
    ("column", &["error", "number", "arch", "memory", "parallel"]),
    ("pairwise", &["error", "number", "arch", "memory", "parallel"]),
    ("contract", &["error", "number", "memory", "column", "pairwise"]),
    ("vector", &["error", "number", "arch", "memory", "parallel", "column", "pairwise", "contract"]),
    ("group", &["error", "number", "arch", "memory", "parallel", "column", "pairwise", "contract", "vector"]),
    (
        "cluster",
        &[
            "error", "number", "arch", "memory", "parallel", "column", "pairwise", "contract", "vector",
            "group",
        ],
    ),
    (
        "series",
        &[
            "error", "number", "arch", "memory", "parallel", "column", "pairwise", "contract", "vector",
            "group", "cluster",
        ],
    ),
    ("tensor", &["error", "number", "arch", "memory", "parallel", "column", "pairwise", "contract"]),
    (
        "spatial",
        &["error", "number", "arch", "memory", "parallel", "column", "pairwise", "contract", "vector"],
    ),
    ("system", &["error", "arch", "parallel", "contract"]),
    (
        "catalog",
        &["error", "contract", "vector", "group", "cluster", "series", "tensor", "spatial", "system"],
    ),
];

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

#[test]
fn rooms_import_downwards_and_files_in_no_circle() {
    let mut files = BTreeMap::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    // The crate's root only re-exports.
    files.remove("lib");
    let imports = imports(&files);
    assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 300, "the imports were not found");
    for (file, targets) in &imports {
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room(file)) else {
            panic!("kernels/src/{file} lies in no room of this test's list")
        };
        for target in targets.iter().filter(|target| room(target) != room(file)) {
            let to = room(target);
            assert!(allowed.contains(&to), "{file} imports {target}: {} may import {allowed:?}", room(file));
        }
    }
    if let Some(circle) = circle(&imports) {
        panic!("files import each other in a circle: {}", circle.join(" -> "));
    }
}

#[test]
fn a_circle_is_found() {
    let edges = |list: &[(&'static str, &[&'static str])]| {
        list.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect()
    };
    assert_eq!(circle(&edges(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])), None);
    let found = circle(&edges(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]));
    assert_eq!(found, Some(vec!["b", "c", "b"]));
    let written = "use crate::{a, b::C};\nuse crate::d::E; let x = super::f::g(); not_crate::h";
    assert_eq!(paths(written, "crate::"), ["a", "b::C", "d::E"]);
    assert_eq!(paths(written, "super::"), ["f::g"]);
}
