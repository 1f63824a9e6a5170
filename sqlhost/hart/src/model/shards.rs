//! Models split into several files.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{ModelError, malformed};

/// Maximum length of an index: that of a single file's header.
const MAX_INDEX: u64 = 100_000_000;

/// A file of a model, and the tensors that an index says it holds.
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) tensors: Option<Vec<String>>,
}

/// The files of the model at this path; `None` if it is a single file.
pub(super) fn of(path: &Path) -> Result<Option<Vec<Part>>, ModelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.ends_with(".index.json") {
        return index(path).map(Some);
    }
    Ok(numbered(&name).map(|names| {
        names.into_iter().map(|name| Part { path: path.with_file_name(name), tensors: None }).collect()
    }))
}

/// The names of all parts of a split GGUF file, given one of them: `NAME-00001-of-00003.gguf`.
fn numbered(name: &str) -> Option<Vec<String>> {
    let stem = name.strip_suffix(".gguf")?;
    let (stem, count) = stem.rsplit_once("-of-")?;
    let (stem, number) = stem.rsplit_once('-')?;
    let five = |text: &str| text.parse::<usize>().ok().filter(|_| text.len() == 5);
    let (number, count) = (five(number)?, five(count)?);
    (1..=count)
        .contains(&number)
        .then(|| (1..=count).map(|part| format!("{stem}-{part:05}-of-{count:05}.gguf")).collect())
}

/// The files that an index of safetensors files lists.
fn index(path: &Path) -> Result<Vec<Part>, ModelError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_INDEX).read_to_string(&mut text)?;
    let wrong = |found: String, expected: &str| malformed("index of a model", found, expected);
    let index: Index = serde_json::from_str(&text)
        .map_err(|error| wrong(error.to_string(), "JSON with a weight_map of tensors to files"))?;
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (tensor, file) in index.weight_map {
        // An index may name only files in its own folder.
        if file.is_empty() || file.contains(['/', '\\']) || file == ".." {
            return Err(wrong(format!("the file {file}"), "the name of a file beside it"));
        }
        files.entry(file).or_default().push(tensor);
    }
    if files.is_empty() {
        return Err(wrong("no tensors".into(), "at least one"));
    }
    Ok(files
        .into_iter()
        .map(|(file, tensors)| Part { path: path.with_file_name(file), tensors: Some(tensors) })
        .collect())
}
