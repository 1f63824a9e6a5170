//! What the source files of a crate import of each other, for tests of its structure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The source files by module path: `pairwise::reduce`, and `pairwise` for its `mod.rs`.
pub fn sources(folder: &Path, module: &str, out: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let child = if module.is_empty() { stem.to_string() } else { format!("{module}::{stem}") };
        if path.is_dir() {
            sources(&path, &child, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = if stem == "mod" { module.to_string() } else { child };
            out.insert(name, code(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// A file's code without comments and without its tests, which may import what they like.
fn code(text: &str) -> String {
    let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    shipped.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The paths that follow `root` in the code, groups in braces written out: `a::{b, c}` gives `a::b` and `a::c`.
pub fn paths(code: &str, root: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, _) in code.match_indices(root) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + root.len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        let (path, rest) = rest.split_at(end);
        match rest.strip_prefix('{').and_then(|group| group.split_once('}')) {
            Some((group, _)) => out.extend(group.split(',').map(|name| format!("{path}{}", name.trim()))),
            None => out.push(path.to_string()),
        }
    }
    out
}

/// What each file imports of the others.
pub fn imports(files: &BTreeMap<String, String>) -> BTreeMap<&str, BTreeSet<&str>> {
    // The longest beginning of a path that is a file's module.
    let file_of = |path: &str| {
        let parts: Vec<&str> = path.split("::").collect();
        (1..=parts.len())
            .rev()
            .find_map(|n| files.get_key_value(&parts[..n].join("::")))
            .map(|(name, _)| name.as_str())
    };
    let mut out = BTreeMap::new();
    for (name, code) in files {
        let parent = name.rsplit_once("::").map_or("", |(parent, _)| parent);
        let absolute = paths(code, "crate::").into_iter();
        let relative = paths(code, "super::").into_iter().map(|path| format!("{parent}::{path}"));
        let found = absolute.chain(relative).filter_map(|path| file_of(&path)).filter(|to| to != name);
        out.insert(name.as_str(), found.collect::<BTreeSet<_>>());
    }
    out
}

/// The first circle of imports that is found, as a path that ends where it begins.
pub fn circle<'a>(imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    fn visit<'a>(
        at: &'a str,
        imports: &BTreeMap<&'a str, BTreeSet<&'a str>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<&'a str>> {
        if let Some(start) = way.iter().position(|seen| *seen == at) {
            return Some(way[start..].iter().copied().chain([at]).collect());
        }
        if done.contains(at) {
            return None;
        }
        way.push(at);
        let found = imports[at].iter().find_map(|to| visit(to, imports, way, done));
        way.pop();
        done.insert(at);
        found
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|file| visit(file, imports, &mut Vec::new(), &mut done))
}
