//! Model files made byte by byte from the descriptions of their formats, and a decoder of quantized blocks in double
//! precision that shares nothing with the product's.
#![allow(dead_code, reason = "each test program uses a part of it")]

/// The file of the real weights.
pub const LAYER0: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../kernels/tests/data/minilm-layer0.safetensors");

/// A safetensors file with that header, whatever it says.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// A safetensors file of singles, or of halves and the like as bytes: name, type, shape, bytes.
pub fn safetensors_of(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, dtype, shape, bytes) in tensors {
        let (start, end) = (data.len(), data.len() + bytes.len());
        entries.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#
        ));
        data.extend_from_slice(bytes);
    }
    safetensors(&format!("{{{}}}", entries.join(",")), &data)
}

pub fn singles(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Numbers that look like weights, the same for the same seed: between -1 and 1.
pub fn weights(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Random(seed);
    (0..count).map(|_| ((random.next() >> 40) as f64 / (1u64 << 23) as f64 - 1.0) as f32).collect()
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

pub fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// A GGUF file in the making.
#[derive(Clone)]
pub struct Gguf {
    pub version: u32,
    pub alignment: usize,
    /// Key, type of the value, its bytes.
    pub metadata: Vec<(&'static str, u32, Vec<u8>)>,
    /// Name, dimensions with the fastest first, type, bytes.
    pub tensors: Vec<(&'static str, Vec<u64>, u32, Vec<u8>)>,
}

impl Gguf {
    pub fn new() -> Gguf {
        Gguf { version: 3, alignment: 32, metadata: Vec::new(), tensors: Vec::new() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value_type, value) in &self.metadata {
            out.extend(string(key));
            out.extend(value_type.to_le_bytes());
            out.extend(value);
        }
        let mut data: Vec<u8> = Vec::new();
        for (name, dimensions, number, bytes) in &self.tensors {
            data.resize(data.len().next_multiple_of(self.alignment), 0);
            out.extend(string(name));
            out.extend((dimensions.len() as u32).to_le_bytes());
            dimensions.iter().for_each(|n| out.extend(n.to_le_bytes()));
            out.extend(number.to_le_bytes());
            out.extend((data.len() as u64).to_le_bytes());
            data.extend(bytes);
        }
        out.resize(out.len().next_multiple_of(self.alignment), 0);
        out.extend(data);
        out
    }
}

/// A type of elements in GGUF files.
pub struct Blocks {
    /// The number of the type.
    pub number: u32,
    pub name: &'static str,
    pub elements: usize,
    pub bytes: usize,
    /// Where in a block its halves (scale, minimum) stand.
    halves: &'static [usize],
    decode: fn(&[u8]) -> Vec<f64>,
}

pub const TYPES: [Blocks; 11] = [
    Blocks { number: 0, name: "f32", elements: 1, bytes: 4, halves: &[], decode: f32s },
    Blocks { number: 1, name: "f16", elements: 1, bytes: 2, halves: &[0], decode: f16s },
    Blocks { number: 30, name: "bf16", elements: 1, bytes: 2, halves: &[0], decode: bf16s },
    Blocks { number: 2, name: "q4_0", elements: 32, bytes: 18, halves: &[0], decode: q4_0 },
    Blocks { number: 3, name: "q4_1", elements: 32, bytes: 20, halves: &[0, 2], decode: q4_1 },
    Blocks { number: 6, name: "q5_0", elements: 32, bytes: 22, halves: &[0], decode: q5_0 },
    Blocks { number: 7, name: "q5_1", elements: 32, bytes: 24, halves: &[0, 2], decode: q5_1 },
    Blocks { number: 8, name: "q8_0", elements: 32, bytes: 34, halves: &[0], decode: q8_0 },
    Blocks { number: 12, name: "q4_k", elements: 256, bytes: 144, halves: &[0, 2], decode: q4_k },
    Blocks { number: 13, name: "q5_k", elements: 256, bytes: 176, halves: &[0, 2], decode: q5_k },
    Blocks { number: 14, name: "q6_k", elements: 256, bytes: 210, halves: &[208], decode: q6_k },
];

impl Blocks {
    /// Blocks of any bits, but scales between 2^-9 and 2^-5 of either sign, so that all elements are small numbers.
    pub fn random(&self, seed: u64, elements: usize) -> Vec<u8> {
        let mut random = Random(seed);
        let mut out = Vec::new();
        for _ in 0..elements / self.elements {
            let start = out.len();
            out.extend((0..self.bytes).map(|_| random.next() as u8));
            for at in self.halves {
                let bits = random.next() as u16;
                let half = (bits & 0x83ff) | ((6 + ((bits >> 10) & 3)) << 10);
                out[start + at..][..2].copy_from_slice(&half.to_le_bytes());
            }
            if self.number == 0 {
                let value = (random.next() as i32 >> 8) as f32 / 1e6;
                out[start..].copy_from_slice(&value.to_le_bytes());
            }
        }
        out
    }

    /// The elements of blocks.
    pub fn decode(&self, bytes: &[u8]) -> Vec<f64> {
        bytes.chunks(self.bytes).flat_map(self.decode).collect()
    }
}

/// A half by its definition: sign, five bits of exponent, ten of fraction.
fn half(bytes: &[u8]) -> f64 {
    let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
    let (exponent, fraction) = (i32::from((bits >> 10) & 31), f64::from(bits & 1023) / 1024.0);
    let size = match exponent {
        0 => fraction * 2f64.powi(-14),
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

fn f32s(block: &[u8]) -> Vec<f64> {
    vec![f32::from_le_bytes(block.try_into().unwrap()).into()]
}

fn f16s(block: &[u8]) -> Vec<f64> {
    vec![half(block)]
}

fn bf16s(block: &[u8]) -> Vec<f64> {
    vec![f32::from_le_bytes([0, 0, block[0], block[1]]).into()]
}

/// The sixteen low nibbles, then the sixteen high ones, each with its fifth bit from `high`.
fn nibbles(high: u32, quants: &[u8]) -> impl Iterator<Item = f64> {
    let low = quants.iter().map(|q| q & 15);
    let all = low.chain(quants.iter().map(|q| q >> 4));
    all.enumerate().map(move |(n, q)| f64::from(u32::from(q) + ((high >> n & 1) << 4)))
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().unwrap())
}

fn q4_0(b: &[u8]) -> Vec<f64> {
    nibbles(0, &b[2..]).map(|q| (q - 8.0) * half(b)).collect()
}

fn q4_1(b: &[u8]) -> Vec<f64> {
    nibbles(0, &b[4..]).map(|q| q * half(b) + half(&b[2..])).collect()
}

fn q5_0(b: &[u8]) -> Vec<f64> {
    nibbles(word(&b[2..]), &b[6..]).map(|q| (q - 16.0) * half(b)).collect()
}

fn q5_1(b: &[u8]) -> Vec<f64> {
    nibbles(word(&b[4..]), &b[8..]).map(|q| q * half(b) + half(&b[2..])).collect()
}

fn q8_0(b: &[u8]) -> Vec<f64> {
    b[2..].iter().map(|q| f64::from(*q as i8) * half(b)).collect()
}

/// The six bits of scale and minimum of each of the eight groups of 32, out of twelve bytes.
fn scales(packed: &[u8]) -> Vec<(f64, f64)> {
    let of = |n: usize| match n {
        0..4 => (packed[n] & 63, packed[n + 4] & 63),
        _ => (packed[n + 4] & 15 | packed[n - 4] >> 6 << 4, packed[n + 4] >> 4 | packed[n] >> 6 << 4),
    };
    (0..8).map(of).map(|(scale, minimum)| (scale.into(), minimum.into())).collect()
}

/// Groups of 32: group n has the low nibbles of 32 bytes where n is even, the high ones of the same where it is odd.
fn k_groups(b: &[u8], quants: &[u8], fifth: impl Fn(usize, usize) -> u8) -> Vec<f64> {
    let scales = scales(&b[4..16]);
    (0..256)
        .map(|n| {
            let (group, at) = (n / 32, n % 32);
            let byte = quants[group / 2 * 32 + at];
            let nibble = if group % 2 == 0 { byte & 15 } else { byte >> 4 };
            let (scale, minimum) = scales[group];
            half(b) * scale * f64::from(nibble + 16 * fifth(group, at)) - half(&b[2..]) * minimum
        })
        .collect()
}

fn q4_k(b: &[u8]) -> Vec<f64> {
    k_groups(b, &b[16..], |_, _| 0)
}

fn q5_k(b: &[u8]) -> Vec<f64> {
    k_groups(b, &b[48..], |group, at| b[16 + at] >> group & 1)
}

/// Two halves of 128; element n of a half has four low bits in one of 64 bytes and two high bits in one of 32.
fn q6_k(b: &[u8]) -> Vec<f64> {
    (0..256)
        .map(|n| {
            let (part, n) = (n / 128, n % 128);
            let low = b[part * 64 + n % 64] >> (n / 64 * 4) & 15;
            let high = b[128 + part * 32 + n % 32] >> (n / 32 * 2) & 3;
            let scale = b[192 + part * 8 + n / 16] as i8;
            half(&b[208..]) * f64::from(scale) * (f64::from(low | high << 4) - 32.0)
        })
        .collect()
}
