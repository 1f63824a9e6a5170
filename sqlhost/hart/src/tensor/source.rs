//! The inputs of `compare`: a model file, or a folder of atoms.

use std::path::{Path, PathBuf};

use crate::model::{ElementType, Model};
use anyhow::{Context, Result};

use super::folder::Folder;

/// Tensors by number.
pub struct Source {
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    Model(Model),
    Folder(Folder),
}

impl Source {
    /// Opens the folder or file at that path. `limit`: bytes of memory that a layer of a folder may take.
    pub fn open(path: &Path, limit: Option<u64>) -> Result<Source> {
        let kind = if path.is_dir() {
            Kind::Folder(Folder::open(path, limit)?)
        } else {
            Kind::Model(super::open(path)?)
        };
        Ok(Source { path: path.to_owned(), kind })
    }

    /// The names and shapes of its tensors.
    pub fn tensors(&self) -> Vec<(&str, &[usize])> {
        match &self.kind {
            Kind::Model(model) => model.tensors().iter().map(|t| (&t.name[..], &t.shape[..])).collect(),
            Kind::Folder(folder) => folder.layers().iter().map(|l| (&l.name[..], &l.shape[..])).collect(),
        }
    }

    /// The type of a tensor that cannot be decoded.
    pub fn undecoded(&self, number: usize) -> Option<&'static str> {
        match &self.kind {
            Kind::Model(model) => match model.tensors()[number].element_type {
                ElementType::Payload(_) => None,
                other => Some(other.name()),
            },
            Kind::Folder(_) => None,
        }
    }

    /// The elements of a tensor.
    pub fn load(&self, number: usize) -> Result<Vec<f32>> {
        match &self.kind {
            Kind::Model(model) => {
                let elements = model.decode(&model.tensors()[number]);
                elements.with_context(|| self.path.display().to_string())
            }
            Kind::Folder(folder) => folder.load(&folder.layers()[number]),
        }
    }
}
