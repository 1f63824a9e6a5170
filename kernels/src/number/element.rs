//! Element types.

/// Element type of packed vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Element {
    /// IEEE 754 single precision.
    #[default]
    F32,
    /// IEEE 754 double precision.
    F64,
    /// IEEE 754 half precision.
    F16,
    /// bfloat16: the upper half of a single.
    Bf16,
    /// Signed byte.
    I8,
}

impl Element {
    /// Every element type.
    pub const ALL: [Element; 5] = [Element::F32, Element::F64, Element::F16, Element::Bf16, Element::I8];

    /// `f32`, `f64`, `f16`, `bf16` or `i8`.
    pub const fn name(self) -> &'static str {
        match self {
            Element::F32 => "f32",
            Element::F64 => "f64",
            Element::F16 => "f16",
            Element::Bf16 => "bf16",
            Element::I8 => "i8",
        }
    }

    /// The element type with that name.
    pub fn parse(name: &str) -> Option<Element> {
        Element::ALL.into_iter().find(|e| e.name() == name)
    }

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Element::F64 => 8,
            Element::F32 => 4,
            Element::F16 | Element::Bf16 => 2,
            Element::I8 => 1,
        }
    }

    /// The precision in which kernels compute: double for `f64`, single for all others (an exact conversion).
    pub const fn width(self) -> Width {
        if matches!(self, Element::F64) { Width::F64 } else { Width::F32 }
    }

    /// Element type of a vector result: that of the input, except that `i8` gives `f32`, because sums and quotients of
    /// bytes are not bytes.
    pub const fn of_result(self) -> Element {
        if matches!(self, Element::I8) { Element::F32 } else { self }
    }

    /// The same where a caller may ask for a type by the parameter `result_element`: `asked` is what it says. A word
    /// that names no type, such as `input`, asks for none.
    pub fn of_result_as(self, asked: Option<&str>) -> Element {
        asked.and_then(|word| Element::parse(word.trim())).unwrap_or(self.of_result())
    }
}

/// Precision of vectors in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Single precision, 4 bytes.
    F32,
    /// Double precision, 8 bytes.
    F64,
}

impl Width {
    /// The element type of numbers in that precision.
    pub const fn element(self) -> Element {
        match self {
            Width::F32 => Element::F32,
            Width::F64 => Element::F64,
        }
    }

    /// Bytes of one element.
    pub const fn bytes(self) -> usize {
        match self {
            Width::F32 => 4,
            Width::F64 => 8,
        }
    }
}

/// The elements of a packed vector as doubles, 32 at a time; the last block is padded with `fill`.
#[inline(always)]
pub(crate) fn doubles(
    width: Width,
    bytes: &[u8],
    fill: f64,
) -> impl Iterator<Item = ([f64; 32], usize)> + '_ {
    let step = 32 * width.bytes();
    bytes.chunks(step).map(move |chunk| {
        let mut block = [fill; 32];
        match width {
            Width::F32 => {
                for (value, b) in block.iter_mut().zip(chunk.as_chunks::<4>().0) {
                    *value = f64::from(f32::from_le_bytes(*b));
                }
            }
            Width::F64 => {
                for (value, b) in block.iter_mut().zip(chunk.as_chunks::<8>().0) {
                    *value = f64::from_le_bytes(*b);
                }
            }
        }
        (block, chunk.len() / width.bytes())
    })
}
