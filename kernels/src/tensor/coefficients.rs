//! The share of each atom in a layer.

use faer::{Mat, MatRef};

use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::parallel::pool;
use crate::tensor::atoms::{self, ATOM_ID};
use crate::tensor::numbers::{self, wrong};
use crate::tensor::payload::{CHUNK, PAYLOAD, Payload, TYPE};
use crate::tensor::product::zeros;
use crate::tensor::qr;
use crate::tensor::quant::{self, PayloadType};
use crate::tensor::svd;

/// Elements of all atoms that are processed together. A whole number of blocks of any payload type.
const PANEL: usize = 4096;
/// Singular values of the normalized atoms below this share of the largest are noise from rounding dependent atoms to
/// singles; their directions are not used.
const NOISE: f64 = 3e-7;

/// The result of [`coefficients`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Coefficients {
    /// One per atom, in the order given.
    pub coefficients: Vec<f64>,
    /// ‖layer − Σ coefficient·atom‖ / ‖layer‖; 0 for a layer of zeros.
    pub residual: f64,
    /// Dimension of the space that the atoms span.
    pub rank: usize,
}

/// The coefficients with which a weighted sum of atoms is nearest to a layer, in the Frobenius norm (least squares).
///
/// If several sums are equally near, as with dependent atoms, the one with the smallest terms is chosen: the least sum
/// of ‖coefficient·atom‖². For orthonormal atoms the coefficients are their dot products with the layer. The size of an
/// atom does not matter: twice the atom gets half the coefficient.
///
/// # Shapes
///
/// m atoms of n singles each, as many as the layer has; returns m coefficients.
///
/// # Errors
///
/// [`Error::Value`] where a length differs, and for NaN or infinity.
///
/// # Accuracy
///
/// QR factorization of the normalized atoms in double precision, and singular values of the triangle; directions in
/// which the atoms reach less than 3e-7 of the largest are left out, because rounding dependent atoms to singles
/// produces as much. If none is left out, with κ ≤ 3.4e6 the condition of the m atoms, the vector x of all
/// coefficient·‖atom‖ has an error of at most 2⁻⁴⁶·√m·κ·(‖x‖ + κ·residual·‖layer‖). The residual is that of the
/// returned coefficients. The bits are the same for any number of threads; the last digits may differ between
/// processors.
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::coefficients;
/// let found = coefficients(&[3.0, 4.0, 0.0], &[&[1.0, 0.0, 0.0], &[1.0, 1.0, 0.0]])?;
/// assert!((found.coefficients[0] + 1.0).abs() < 1e-12 && (found.coefficients[1] - 4.0).abs() < 1e-12);
/// assert!(found.residual < 1e-12);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn coefficients(layer: &[f32], atoms: &[&[f32]]) -> Result<Coefficients, Error> {
    for (row, atom) in atoms.iter().enumerate() {
        if atom.len() != layer.len() {
            let expected = format!("{}, as the layer has", layer.len());
            return Err(wrong("atoms", row, format!("{} elements", atom.len()), &expected));
        }
        if let Some(element) = atom.iter().position(|x| !x.is_finite()) {
            return Err(wrong(
                "atoms",
                row,
                format!("element {element} is {}", atom[element]),
                "finite numbers",
            ));
        }
    }
    if let Some(element) = layer.iter().position(|x| !x.is_finite()) {
        return Err(wrong("layer", 0, format!("element {element} is {}", layer[element]), "finite numbers"));
    }
    let bytes: Vec<&[u8]> = atoms.iter().map(|atom| bytemuck::cast_slice(atom)).collect();
    Problem { compute: Compute::new(), payload_type: PayloadType::F32, layer, atoms: &bytes }.solve()
}

/// Atoms and a layer with as many elements each.
struct Problem<'a> {
    compute: Compute,
    payload_type: PayloadType,
    layer: &'a [f32],
    atoms: &'a [&'a [u8]],
}

impl Problem<'_> {
    fn solve(&self) -> Result<Coefficients, Error> {
        // Many successive products: the thread pool is entered once for all of them.
        pool::enter(|| self.on_threads())?
    }

    fn on_threads(&self) -> Result<Coefficients, Error> {
        let count = self.atoms.len();
        let norm = numbers::squares(self.layer).value();
        if count == 0 {
            let residual = if norm > 0.0 { 1.0 } else { 0.0 };
            return Ok(Coefficients { coefficients: Vec::new(), residual, rank: 0 });
        }
        // Solves the equations of the matrix's smaller side.
        let (found, rank) = if count <= self.layer.len() { self.by_atoms()? } else { self.by_elements()? };
        let mut off = 0.0;
        self.panels(|panel, layer| {
            let mut rest = layer.to_vec();
            for (atom, coefficient) in panel.row_iter().zip(&found) {
                rest.iter_mut().zip(atom.iter()).for_each(|(rest, x)| *rest -= coefficient * x);
            }
            off += squares(rest.iter());
            Ok(())
        })?;
        let residual = if norm > 0.0 { (off / norm).sqrt() } else { 0.0 };
        Ok(Coefficients { coefficients: found, residual, rank })
    }

    /// Coefficients and rank by a QR factorization, panel by panel, with the atoms and the layer as columns: for no
    /// more atoms than elements.
    fn by_atoms(&self) -> Result<(Vec<f64>, usize), Error> {
        let count = self.atoms.len();
        // On top the triangle of the panels so far, below it a panel.
        let mut stack = zeros(count + 1 + PANEL.min(self.layer.len()), count + 1);
        self.panels(|panel, layer| {
            let mut part = stack.as_mut().subrows_mut(0, count + 1 + layer.len());
            let mut below = part.as_mut().subrows_mut(count + 1, layer.len());
            below.as_mut().subcols_mut(0, count).copy_from(panel.transpose());
            below.col_mut(count).iter_mut().zip(layer).for_each(|(out, x)| *out = *x);
            qr::triangle(part)
        })?;
        let triangle = stack.as_ref().submatrix(0, 0, count, count);
        let lengths: Vec<f64> =
            triangle.col_iter().map(|column| inverse_length(squares(column.iter()))).collect();
        // Atoms are normalized: a small atom must not be mistaken for noise.
        let unit =
            Mat::from_fn(count, count, |i, j| if i <= j { triangle[(i, j)] * lengths[j] } else { 0.0 });
        let inverse = Inverse::of(unit.as_ref())?;
        let right: Vec<f64> = stack.as_ref().col(count).iter().take(count).copied().collect();
        let mut found = inverse.apply(&right);
        found.iter_mut().zip(&lengths).for_each(|(c, s)| *c *= s);
        Ok((found, inverse.rank))
    }

    /// Coefficients and rank by a singular value decomposition of the atoms: for more atoms than elements; the atoms
    /// therefore are in memory, one after the other.
    fn by_elements(&self) -> Result<(Vec<f64>, usize), Error> {
        let (count, elements) = (self.atoms.len(), self.layer.len());
        if elements == 0 {
            return Ok((vec![0.0; count], 0));
        }
        let mut atoms = zeros(elements, count);
        let mut start = 0;
        self.panels(|panel, layer| {
            atoms.as_mut().subrows_mut(start, layer.len()).copy_from(panel.transpose());
            start += layer.len();
            Ok(())
        })?;
        let lengths: Vec<f64> = atoms.col_iter().map(|atom| inverse_length(squares(atom.iter()))).collect();
        for (atom, length) in atoms.col_iter_mut().zip(&lengths) {
            atom.iter_mut().for_each(|x| *x *= length);
        }
        let inverse = Inverse::of(atoms.as_ref())?;
        let layer: Vec<f64> = self.layer.iter().map(|x| f64::from(*x)).collect();
        let mut found = inverse.apply(&layer);
        found.iter_mut().zip(&lengths).for_each(|(c, s)| *c *= s);
        Ok((found, inverse.rank))
    }

    /// Passes the atoms and the layer, panel by panel, as doubles.
    fn panels(
        &self,
        mut work: impl FnMut(MatRef<'_, f64>, &[f64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (blocks, bytes) = (self.payload_type.block_elements(), self.payload_type.block_bytes());
        let mut doubles = vec![0.0; self.atoms.len() * PANEL.min(self.layer.len())];
        for (panel, layer) in self.layer.chunks(PANEL).enumerate() {
            let part = panel * PANEL / blocks * bytes..(panel * PANEL + layer.len()) / blocks * bytes;
            let doubles = &mut doubles[..self.atoms.len() * layer.len()];
            let pieces = self.atoms.iter().zip(doubles.chunks_exact_mut(layer.len()));
            parallel::each(pieces, self.atoms.len() * part.len(), |(atom, out): (&&[u8], &mut [f64])| {
                let mut singles = vec![0f32; out.len()];
                quant::decode_into_with(self.compute, self.payload_type, &atom[part.clone()], &mut singles)?;
                out.iter_mut().zip(singles).for_each(|(out, single)| *out = f64::from(single));
                Ok(())
            })?;
            let layer: Vec<f64> = layer.iter().map(|x| f64::from(*x)).collect();
            work(MatRef::from_row_major_slice(doubles, self.atoms.len(), layer.len()), &layer)?;
        }
        Ok(())
    }
}

/// 1 / √square; 0 for a zero atom, which adds nothing.
fn inverse_length(square: f64) -> f64 {
    if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 }
}

fn squares<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    values.map(|x| x * x).sum()
}

/// The pseudo-inverse of a matrix.
struct Inverse {
    factors: svd::Factors,
    rank: usize,
}

impl Inverse {
    fn of(matrix: MatRef<'_, f64>) -> Result<Inverse, Error> {
        let factors = svd::decompose(matrix)?;
        let least = factors.singular_values[0] * NOISE;
        let rank = factors.singular_values.iter().take_while(|s| **s > least).count();
        Ok(Inverse { factors, rank })
    }

    fn apply(&self, right: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.factors.v.nrows()];
        let vectors = self.factors.u.col_iter().zip(self.factors.v.col_iter());
        for ((u, v), sigma) in vectors.zip(&self.factors.singular_values).take(self.rank) {
            let share = u.iter().zip(right).map(|(u, r)| u * r).sum::<f64>() / sigma;
            out.iter_mut().zip(v.iter()).for_each(|(out, v)| *out += share * v);
        }
        out
    }
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let output = |rows: Vec<(i64, f64)>, residual: f64, rank: usize| Output {
        columns: vec![
            Values::BigInt(rows.iter().map(|(id, _)| Some(*id)).collect()),
            Values::Float(rows.iter().map(|(_, coefficient)| Some(*coefficient)).collect()),
            Values::Float(rows.iter().map(|_| Some(residual)).collect()),
            // At most the rows of a call, which SQL Server counts in 32 bits.
            Values::BigInt(rows.iter().map(|_| Some(rank as i64)).collect()),
        ],
        picked: None,
    };
    if call.rows == 0 {
        return Ok(output(Vec::new(), 0.0, 0));
    }
    let payload_type = PayloadType::parse(call.params.word(TYPE.name))?;
    let ids = call.integers(ATOM_ID.name);
    let own: Vec<usize> = (0..call.rows).filter(|row| ids[*row].is_none()).collect();
    if own.is_empty() {
        return Err(Error::Value {
            place: ATOM_ID.name.into(),
            row: 0,
            found: "no row without an atom".into(),
            expected: "the layer's payload in rows with NULL".into(),
        });
    }
    let (chunks, payloads) = (call.integers(CHUNK.name), call.binary(PAYLOAD.name));
    let first = own[0];
    let payload = Payload::gather(chunks, &PAYLOAD, payloads, own.into_iter())?;
    let elements = payload_type.elements(payload.bytes())?;
    let others = (0..call.rows).filter(|row| ids[*row].is_some());
    // A panel decoded and twice as factored, with the triangle; the triangle's factors or, if there are more atoms than
    // elements, the atoms and theirs; the layer.
    let memory = |atoms: usize, _| {
        let (count, panel) = (atoms as u64, PANEL.min(elements) as u64);
        let whole = if atoms > elements { 8 * elements as u64 } else { 0 };
        let factored = svd::memory(atoms.min(elements), atoms);
        count
            .saturating_mul(panel * 28 + 16 * count.min(elements as u64) + whole)
            .saturating_add(factored)
            .saturating_add(elements as u64 * 4)
    };
    let (atoms, length) = atoms::of_rows(call, &PAYLOAD, payload_type, others, memory)?;
    if !atoms.is_empty() && length != elements {
        let expected = format!("{elements}, as the layer in row {} has", first + 1);
        return Err(wrong(PAYLOAD.name, atoms[0].rows[0], format!("{length} elements"), &expected));
    }
    let layer = payload.decode(call.compute, payload_type)?;
    if let Some(element) = layer.iter().position(|x| !x.is_finite()) {
        let found = format!("element {element} of the layer is {}", layer[element]);
        return Err(wrong(PAYLOAD.name, first, found, "finite numbers"));
    }
    let mut singles = vec![0f32; elements];
    for atom in &atoms {
        atom.decode(call.compute, payload_type, &PAYLOAD, &mut singles)?;
    }
    let bytes: Vec<&[u8]> = atoms.iter().map(|atom| &*atom.bytes).collect();
    let problem = Problem { compute: call.compute, payload_type, layer: &layer, atoms: &bytes };
    let found = problem.solve()?;
    let rows = atoms.iter().map(|atom| atom.id).zip(found.coefficients).collect();
    Ok(output(rows, found.residual, found.rank))
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "tensor_coefficients",
    family: Family::Tensor,
    summary: "How much of each atom a layer holds: least squares, with what is left over.",
    details: "Rows with NULL as atom_id are the layer, the others the atoms, all of the same length. The coefficients are those with \
              which tensor_synthesize comes nearest to the layer in the Frobenius norm; for orthonormal atoms they are dot products. \
              Where atoms depend on each other, rank is less than their number and the least sum of ‖coefficient·atom‖² is taken. \
              One row for each atom, by ascending atom_id. One layer in a call.",
    inputs: &[
        Column {
            summary: "The atom; NULL for the layer itself. Several rows are the chunks of a payload.",
            ..ATOM_ID
        },
        CHUNK,
        PAYLOAD,
    ],
    optional: &[],
    params: &[TYPE],
    outputs: &[
        ATOM_ID,
        Column {
            name: "coefficient",
            kind: Kind::Float,
            unit: "1",
            summary: "How much of the atom the layer holds.",
        },
        Column {
            name: "residual",
            kind: Kind::Float,
            unit: "1",
            summary: "‖layer − Σ coefficient·atom‖ / ‖layer‖, the same in all rows; 0 for a layer of zeros.",
        },
        Column {
            name: "rank",
            kind: Kind::BigInt,
            unit: "1",
            summary: "Dimension of the space that the atoms span, the same in all rows.",
        },
    ],
    rows: RowShape::Made,
    nulls: "NULL bytes are an error that names the row; a NULL chunk is allowed for a payload that comes in one.",
    empty: "No rows and no atoms give no result rows. Rows without a layer are an error.",
    nan: "NaN or an infinity in a payload is an error that names the row and the element.",
    accuracy: "QR factorization of the atoms, brought to length 1, in double precision; directions in which these reach less than 3e-7 of the \
               largest are left out, for rounding to singles makes as much of atoms that depend on each other. Where none is left out, with κ ≤ 3.4e6 the condition of the m atoms, the vector x of all coefficient·‖atom‖ \
               is off by at most 2⁻⁴⁶·√m·κ·(‖x‖ + κ·residual·‖layer‖). The same bits for any order of the rows, any chunks and any number of threads; \
               between processors the last digits may differ.",
    streaming: Streaming::Whole("the layer and all atoms"),
    source: "Björck 1996, Numerical Methods for Least Squares Problems, 1.3, 2.4 and 6.2.",
    elements: "",
    sql: "Several layers: one partition each.",
    example: Example {
        inputs: &[
            &[Cell::Null, Cell::Null, Cell::Vector(&[3.0, 4.0, 0.0])],
            &[Cell::Int(7), Cell::Null, Cell::Vector(&[1.0, 0.0, 0.0])],
            &[Cell::Int(8), Cell::Null, Cell::Vector(&[0.0, 2.0, 0.0])],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(7), Cell::Float(3.0), Cell::Float(0.0), Cell::Int(2)],
            &[Cell::Int(8), Cell::Float(2.0), Cell::Float(0.0), Cell::Int(2)],
        ],
    },
    run,
};
