//! Parts of curves: straight and circular segments, one after the other.

use std::slice;

use super::{Position, present, problem};
use crate::error::Error;

/// A part of a curve with only straight or only circular segments.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Straight segments through two or more positions.
    Line(Vec<Position>),
    /// Circular arcs, each through three positions; the last position of an arc is the first of the next. An odd number
    /// of positions, three or more.
    Arcs(Vec<Position>),
}

impl Piece {
    /// The positions that it passes through.
    pub fn positions(&self) -> &[Position] {
        match self {
            Piece::Line(positions) | Piece::Arcs(positions) => positions,
        }
    }

    pub(super) fn positions_mut(&mut self) -> &mut [Position] {
        match self {
            Piece::Line(positions) | Piece::Arcs(positions) => positions,
        }
    }
}

/// A ring of a CURVEPOLYGON.
#[derive(Clone, Debug, PartialEq)]
pub enum Curve {
    /// A LINESTRING or CIRCULARSTRING.
    Simple(Piece),
    /// A COMPOUNDCURVE: each piece begins where the previous one ends, in Z and M too.
    Compound(Vec<Piece>),
}

impl Curve {
    /// Its pieces in their order.
    pub fn pieces(&self) -> &[Piece] {
        match self {
            Curve::Simple(piece) => slice::from_ref(piece),
            Curve::Compound(pieces) => pieces,
        }
    }

    pub(super) fn pieces_mut(&mut self) -> &mut [Piece] {
        match self {
            Curve::Simple(piece) => slice::from_mut(piece),
            Curve::Compound(pieces) => pieces,
        }
    }
}

/// The positions of pieces as stored: a position shared by two pieces occurs once.
pub(super) fn stored(pieces: &[Piece]) -> impl Iterator<Item = &Position> {
    pieces.iter().enumerate().flat_map(|(i, piece)| piece.positions().iter().skip(usize::from(i > 0)))
}

/// Checks the number of positions of a CIRCULARSTRING.
pub(super) fn check_arcs(positions: &[Position]) -> Result<(), Error> {
    match positions.len() {
        1 => Err(problem("a CIRCULARSTRING of 1 position", "3, 5, 7, … positions, or none")),
        n if n > 0 && n % 2 == 0 => {
            Err(problem(format!("a CIRCULARSTRING of {n} positions"), "3, 5, 7, … positions, or none"))
        }
        _ => Ok(()),
    }
}

/// Checks that no piece is empty, and that each begins where the previous one ends.
pub(super) fn check_pieces(pieces: &[Piece]) -> Result<(), Error> {
    for piece in pieces {
        match piece {
            Piece::Line(line) => super::check_line(line)?,
            Piece::Arcs(arcs) => check_arcs(arcs)?,
        }
        if piece.positions().is_empty() {
            return Err(problem("an empty part of a COMPOUNDCURVE", "parts with positions"));
        }
    }
    for pair in pieces.windows(2) {
        let (Some(end), Some(start)) = (pair[0].positions().last(), pair[1].positions().first()) else {
            continue;
        };
        let ordinates = |p: &Position| (p.x, p.y, present(p.z), present(p.m));
        if ordinates(end) != ordinates(start) {
            let shown = |p: &Position| {
                let optional =
                    [present(p.z), present(p.m)].map(|v| v.map_or("NULL".into(), |v| format!("{v:?}")));
                format!("({:?} {:?} {} {})", p.x, p.y, optional[0], optional[1])
            };
            return Err(problem(
                format!(
                    "a part of a COMPOUNDCURVE that begins at {} after one that ends at {}",
                    shown(start),
                    shown(end)
                ),
                "parts that begin where the one before ends, in Z and M too",
            ));
        }
    }
    Ok(())
}

/// Checks a ring of a CURVEPOLYGON.
pub(super) fn check_ring(ring: &Curve) -> Result<(), Error> {
    let pieces = ring.pieces();
    check_pieces(pieces)?;
    let count = stored(pieces).count();
    let ends = stored(pieces).next().zip(pieces.last().and_then(|piece| piece.positions().last()));
    super::check_closed(count, ends)
}
