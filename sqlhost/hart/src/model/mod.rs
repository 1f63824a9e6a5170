//! Model files: the tensors of safetensors and GGUF files, memory-mapped.
//!
//! A file is recognized by its contents, not by its extension. Opening reads and checks the header only; the elements
//! of a tensor are mapped on request and unmapped when dropped, so memory use follows the current tensor, not the file.
//!
//! # Shapes
//!
//! Both formats yield row-major tensors here, the outermost dimension first: a weight matrix that turns 384 inputs into
//! 1536 outputs has the shape `[1536, 384]`, and its element (r, c) is number r · 384 + c. GGUF files list dimensions
//! in reverse (`ne[0]` is the fastest), which is undone on reading.
//!
//! # Hostile files
//!
//! Nothing in a file is trusted: lengths are compared with the file's size before use, memory is allocated only in
//! proportion to the file's own bytes, and tensors that overlap or leave the file are errors.

pub mod gguf;
mod map;
pub mod safetensors;
mod shards;

use std::collections::HashSet;
use std::fmt::{self, Write};
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use hart_kernels::tensor::quant::{self, PayloadType};

pub use map::Mapped;

/// Why a model file cannot be read: one line that names the part of the file, what was found and what was expected. It
/// is complete; there is no further cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The operating system returned an error.
    #[error("cannot read the file: {0}")]
    Io(std::io::Error),
    /// The file breaks the rules of its format.
    #[error("{}: {}; expected {}", Shown(.part), Shown(.found), Shown(.expected))]
    Malformed {
        /// The part of the file.
        part: String,
        /// What it holds.
        found: String,
        /// What it must hold.
        expected: String,
    },
    /// A tensor's elements cannot be decoded.
    #[error("tensor {}: {cause}", Shown(.tensor))]
    Payload {
        /// The tensor.
        tensor: String,
        /// Why.
        cause: hart_kernels::Error,
    },
    /// A tensor's elements do not fit in memory.
    #[error("tensor {}: its {elements} elements do not fit in memory", Shown(.tensor))]
    Memory {
        /// The tensor.
        tensor: String,
        /// Its elements.
        elements: usize,
    },
}

impl From<std::io::Error> for ModelError {
    fn from(error: std::io::Error) -> ModelError {
        ModelError::Io(error)
    }
}

/// Maximum characters shown of a text; a hostile file may have megabytes.
const SHOWN: usize = 300;

/// A text from a file, made safe to show: one line, limited in length, without characters that could control the
/// terminal.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, character) in self.0.chars().enumerate() {
            if n == SHOWN {
                return f.write_str("…");
            }
            match character {
                // Line and paragraph separators also break lines, and direction marks reorder them.
                '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    write!(f, "{}", character.escape_unicode())?;
                }
                _ if character.is_control() => write!(f, "{}", character.escape_default())?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// The storage type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// A type whose elements can be decoded to singles.
    Payload(PayloadType),
    /// Whole numbers or booleans: indices or masks, not weights.
    Integer(&'static str),
    /// Real numbers of a type that is not decoded.
    Other(&'static str),
}

impl ElementType {
    /// The name, in lower case: `f32`, `q4_k`, `i64`.
    pub fn name(self) -> &'static str {
        match self {
            ElementType::Payload(payload_type) => payload_type.name(),
            ElementType::Integer(name) | ElementType::Other(name) => name,
        }
    }
}

/// A tensor of a model file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name, unique in the file.
    pub name: String,
    /// Its dimensions, outermost first. No dimensions mean a single element.
    pub shape: Vec<usize>,
    /// How its elements are stored.
    pub element_type: ElementType,
    /// The byte range of its elements in the file.
    pub bytes: Range<usize>,
    /// The index of that file, from 0, if the model has several.
    pub file: usize,
}

impl Tensor {
    /// The number of its elements.
    pub fn elements(&self) -> usize {
        // The readers have checked that they can be counted.
        elements(&self.shape).unwrap_or(usize::MAX)
    }

    /// Its rows and columns as a matrix: see [`matrix`].
    pub fn matrix(&self) -> (usize, usize) {
        matrix(&self.shape)
    }
}

/// The number of elements of a tensor of that shape; `None` if it overflows. If one dimension is 0, the others may be
/// arbitrarily large.
pub fn elements(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |product, n| product.checked_mul(*n))
}

/// The rows and columns of a tensor of that shape as a matrix: the outermost dimension, and the product of all others.
/// A tensor with fewer than two dimensions is a single row.
pub fn matrix(shape: &[usize]) -> (usize, usize) {
    match shape {
        [] => (1, 1),
        [n] => (1, *n),
        // If one dimension is 0, the product of the others may overflow.
        [rows, rest @ ..] => (*rows, rest.iter().fold(1, |product, n| product.saturating_mul(*n))),
    }
}

/// The formats of model files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON header and plain numbers.
    Safetensors,
    /// The binary header and quantized blocks of ggml.
    Gguf,
}

/// The tensors in a model file's bytes, in the order of their data.
///
/// # Errors
///
/// [`ModelError::Malformed`].
pub fn parse(bytes: &[u8]) -> Result<(Format, Vec<Tensor>), ModelError> {
    if let Some(found) = other_format(bytes) {
        return Err(malformed("model file", found, "a safetensors or GGUF file"));
    }
    // A safetensors header with these letters as its length would be larger than the format allows.
    if bytes.starts_with(gguf::MAGIC) {
        return Ok((Format::Gguf, gguf::parse(bytes)?));
    }
    Ok((Format::Safetensors, safetensors::parse(bytes)?))
}

/// The kind of a file that is often mistaken for a model in these formats.
fn other_format(bytes: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 6] = [
        (
            b"version https://git-lfs",
            "a Git LFS pointer: the file that it stands for was not fetched (git lfs pull)",
        ),
        (b"PK\x03\x04", "a zip archive, as PyTorch writes (.pt, .pth, .bin); save it as safetensors"),
        (b"\x80\x02", "a pickle, as PyTorch once wrote; save it as safetensors"),
        (b"\x89HDF", "an HDF5 file, as Keras writes; save it as safetensors"),
        (b"tjgg", "a file of the format before GGUF; convert it with the scripts of llama.cpp"),
        (b"lmgg", "a file of the format before GGUF; convert it with the scripts of llama.cpp"),
    ];
    // The version of the format, then the producer or another field of an ONNX model. A safetensors header has zeros
    // and a brace there.
    let onnx = matches!(bytes, [8, 1..=20, 0x12 | 0x1a | 0x22 | 0x2a | 0x32 | 0x3a | 0x42, _, ..])
        && !matches!(bytes, [_, _, _, _, 0, 0, 0, 0, b'{', ..]);
    let named = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, name)| *name);
    named.or(onnx.then_some("an ONNX model, whose tensors are not read; save the weights as safetensors"))
}

/// An open model: one file, or several that form one model.
#[derive(Debug)]
pub struct Model {
    files: Vec<File>,
    format: Format,
    tensors: Vec<Tensor>,
}

impl Model {
    /// Opens a file and reads its header. For an index of safetensors files (`model.safetensors.index.json`) and for a
    /// part of a split GGUF file (`…-00001-of-00003.gguf`) all files of the model are opened, which must be in the same
    /// folder.
    ///
    /// The files must not be changed while the model is open: see [`Mapped`].
    ///
    /// # Errors
    ///
    /// [`ModelError::Io`], [`ModelError::Malformed`].
    pub fn open(path: &Path) -> Result<Model, ModelError> {
        match shards::of(path)? {
            Some(parts) => Model::of_parts(parts),
            None => Model::of_file(path),
        }
    }

    fn of_file(path: &Path) -> Result<Model, ModelError> {
        let about = std::fs::metadata(path)?;
        if !about.is_file() {
            return Err(ModelError::Malformed {
                part: "model file".into(),
                found: if about.is_dir() { "a folder" } else { "no plain file" }.into(),
                expected: "a safetensors or GGUF file".into(),
            });
        }
        let file = File::open(path)?;
        let length = file.metadata()?.len() as usize;
        let (format, tensors) = parse(&map::map(&file, 0..length)?)?;
        Ok(Model { files: vec![file], format, tensors })
    }

    /// Joins files that form one model.
    fn of_parts(parts: Vec<shards::Part>) -> Result<Model, ModelError> {
        let mut whole = Model { files: Vec::new(), format: Format::Safetensors, tensors: Vec::new() };
        let mut names = HashSet::new();
        for (number, part) in parts.into_iter().enumerate() {
            let name = part.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let model = Model::of_file(&part.path).map_err(|error| match error {
                ModelError::Io(error) => {
                    ModelError::Io(std::io::Error::new(error.kind(), format!("{name}: {error}")))
                }
                ModelError::Malformed { part, found, expected } => {
                    malformed(format!("{name}: {part}"), found, expected)
                }
                other => other,
            })?;
            if let Some(listed) = &part.tensors {
                let there: HashSet<&str> = model.tensors.iter().map(|tensor| &tensor.name[..]).collect();
                if let Some(missing) = listed.iter().find(|name| !there.contains(&name[..])) {
                    return Err(malformed(
                        name,
                        format!("no tensor {missing}"),
                        "the tensors that the index lists",
                    ));
                }
            }
            if number > 0 && model.format != whole.format {
                return Err(malformed(name, "another format", "that of the first part"));
            }
            whole.format = model.format;
            whole.files.extend(model.files);
            for tensor in model.tensors {
                if !names.insert(tensor.name.clone()) {
                    return Err(malformed(
                        format!("tensor {}", tensor.name),
                        "it comes in two files",
                        "a name of its own",
                    ));
                }
                whole.tensors.push(Tensor { file: number, ..tensor });
            }
        }
        Ok(whole)
    }

    /// The file's format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its tensors, in the order of their data, file by file.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The bytes of one of its tensors.
    ///
    /// # Errors
    ///
    /// [`ModelError::Io`], also if the file has become shorter since it was opened.
    pub fn bytes(&self, tensor: &Tensor) -> Result<Mapped, ModelError> {
        Ok(map::map(&self.files[tensor.file], tensor.bytes.clone())?)
    }

    /// The elements of one of its tensors.
    ///
    /// # Errors
    ///
    /// As [`Model::bytes`]; [`ModelError::Payload`] if its type is not decoded; [`ModelError::Memory`].
    pub fn decode(&self, tensor: &Tensor) -> Result<Vec<f32>, ModelError> {
        let payload_type = payload_type(tensor)?;
        let elements = tensor.elements();
        let mut out = Vec::new();
        // Reserved first: a file of a few bytes may be sparse and claim more than any memory holds.
        let taken = out.try_reserve_exact(elements);
        taken.map_err(|_| ModelError::Memory { tensor: tensor.name.clone(), elements })?;
        out.resize(elements, 0.0);
        quant::decode_into(payload_type, &self.bytes(tensor)?, &mut out).map_err(|e| of(tensor, e))?;
        Ok(out)
    }

    /// Passes the elements of one of its tensors to `each` in order, in parts of a size that does not depend on the
    /// machine.
    ///
    /// # Errors
    ///
    /// As [`Model::decode`].
    pub fn for_each_part(&self, tensor: &Tensor, mut each: impl FnMut(&[f32])) -> Result<(), ModelError> {
        /// Elements of a part; a multiple of every block.
        const PART: usize = 1 << 18;
        let payload_type = payload_type(tensor)?;
        let bytes = self.bytes(tensor)?;
        for part in bytes.chunks(PART / payload_type.block_elements() * payload_type.block_bytes()) {
            each(&quant::decode(payload_type, part).map_err(|e| of(tensor, e))?);
        }
        Ok(())
    }
}

fn payload_type(tensor: &Tensor) -> Result<PayloadType, ModelError> {
    match tensor.element_type {
        ElementType::Payload(payload_type) => Ok(payload_type),
        ElementType::Integer(name) | ElementType::Other(name) => Err(of(tensor, PayloadType::unknown(name))),
    }
}

fn of(tensor: &Tensor, cause: hart_kernels::Error) -> ModelError {
    ModelError::Payload { tensor: tensor.name.clone(), cause }
}

fn malformed(part: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> ModelError {
    ModelError::Malformed { part: part.into(), found: found.into(), expected: expected.into() }
}
