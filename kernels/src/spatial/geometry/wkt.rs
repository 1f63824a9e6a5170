//! WKT in SQL Server's spelling (three or four numbers without a tag, `NULL` for a missing Z or M) and in that of ISO
//! and other systems (with the tags `Z`, `M` and `ZM`).

use super::{Curve, Geometry, MAX_DEPTH, Piece, Position, Shape, grow, present, problem, srid_of};
use crate::error::Error;

/// Writes a shape as `ToString()` and `AsTextZM()` do: `POINT (1 2 3)`, `LINESTRING (0 0 NULL 4, 1 1)`.
///
/// Numbers have 15 significant digits if those parse back to the same double, else 17, like .NET's format `R` on the
/// server.
///
/// # Errors
///
/// [`Error::Value`] where a Z or M is infinite, which WKT cannot represent.
///
/// # Examples
///
/// ```
/// use hart_kernels::spatial::geometry::wkt;
/// let shape = wkt::read("point(1e0 2 NULL 0.1)")?;
/// assert_eq!(wkt::write(&shape)?, "POINT (1 2 NULL 0.1)");
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn write(shape: &Shape) -> Result<String, Error> {
    let mut finite = true;
    shape.for_each(&mut |p| finite &= [p.z, p.m].iter().flatten().all(|v| !v.is_infinite()));
    if !finite {
        return Err(problem("an infinite Z or M", "finite numbers in text"));
    }
    let mut out = String::new();
    shape_text(shape, &mut out, "", position_text);
    Ok(out)
}

/// Writes a shape with tags: `POINT Z (1 2 3)`. A line within a curve has neither name nor tag.
///
/// # Errors
///
/// [`Error::Value`] for FULLGLOBE, and where some positions lack a Z or M that others have, or one is infinite: tagged
/// text cannot represent that.
pub fn write_iso(shape: &Shape) -> Result<String, Error> {
    let (z, m) = shape.has_z_m();
    let mut complete = true;
    shape.for_each(&mut |p| {
        complete &= [(z, p.z), (m, p.m)].iter().all(|(used, v)| !used || v.is_some_and(f64::is_finite));
    });
    if !complete {
        return Err(problem(
            "a missing or infinite Z or M",
            "all positions to have it in tagged WKT, or none",
        ));
    }
    if *shape == Shape::FullGlobe {
        return Err(problem(
            "FULLGLOBE",
            "a shape that ISO's WKT has a word for, or dialect = sql_server, which has one for this",
        ));
    }
    let tag = match (z, m) {
        (false, false) => "",
        (true, false) => " Z",
        (false, true) => " M",
        (true, true) => " ZM",
    };
    let mut out = String::new();
    shape_text(shape, &mut out, tag, |p, out| {
        let ordinates = [Some(p.x), Some(p.y), present(p.z), present(p.m)];
        for (i, v) in ordinates.into_iter().flatten().enumerate() {
            out.push_str(if i == 0 { "" } else { " " });
            number(v, out);
        }
    });
    Ok(out)
}

type Writer = fn(&Position, &mut String);

fn shape_text(shape: &Shape, out: &mut String, tag: &str, position: Writer) {
    out.push_str(shape.name());
    if *shape == Shape::FullGlobe {
        return;
    }
    out.push_str(tag);
    out.push(' ');
    let line = |line: &Vec<Position>, out: &mut String| parenthesized(line, out, position);
    let point = |point: &Option<Position>, out: &mut String| parenthesized(point.as_slice(), out, position);
    let named = |name: &str, out: &mut String| {
        out.push_str(name);
        out.push_str(tag);
        out.push(' ');
    };
    let piece = |piece: &Piece, out: &mut String| match piece {
        Piece::Line(positions) => line(positions, out),
        Piece::Arcs(positions) => {
            named("CIRCULARSTRING", out);
            line(positions, out);
        }
    };
    match shape {
        Shape::FullGlobe => {}
        Shape::CircularString(positions) => line(positions, out),
        Shape::CompoundCurve(pieces) => parenthesized(pieces, out, piece),
        Shape::CurvePolygon(rings) => parenthesized(rings, out, |ring, out| match ring {
            Curve::Simple(own) => piece(own, out),
            Curve::Compound(pieces) => {
                named("COMPOUNDCURVE", out);
                parenthesized(pieces, out, piece);
            }
        }),
        Shape::Point(p) => point(p, out),
        Shape::MultiPoint(points) => parenthesized(points, out, point),
        Shape::LineString(positions) => line(positions, out),
        Shape::Polygon(lines) | Shape::MultiLineString(lines) => parenthesized(lines, out, line),
        Shape::MultiPolygon(polygons) => {
            parenthesized(polygons, out, |rings, out| parenthesized(rings, out, line));
        }
        Shape::Collection(members) => {
            parenthesized(members, out, |member, out| shape_text(member, out, tag, position));
        }
    }
}

/// `EMPTY`, or the items.
fn parenthesized<T>(items: &[T], out: &mut String, mut item: impl FnMut(&T, &mut String)) {
    if items.is_empty() {
        out.push_str("EMPTY");
        return;
    }
    for (i, part) in items.iter().enumerate() {
        out.push_str(if i == 0 { "(" } else { ", " });
        item(part, out);
    }
    out.push(')');
}

fn position_text(p: &Position, out: &mut String) {
    number(p.x, out);
    out.push(' ');
    number(p.y, out);
    let (z, m) = (present(p.z), present(p.m));
    let optional = |value: Option<f64>, out: &mut String| {
        out.push(' ');
        match value {
            Some(value) => number(value, out),
            None => out.push_str("NULL"),
        }
    };
    if z.is_some() || m.is_some() {
        optional(z, out);
    }
    if m.is_some() {
        optional(m, out);
    }
}

fn number(value: f64, out: &mut String) {
    // The server turns −0 into 0.
    let value = value + 0.0;
    let mut precision = 15;
    let mut text = format!("{value:.14e}");
    if text.parse() != Ok(value) {
        precision = 17;
        text = format!("{value:.16e}");
    }
    let parts = text.split_once('e').and_then(|(d, e)| Some((d, e.parse::<i32>().ok()?)));
    let (digits, exponent) = parts.expect("the format has an exponent");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |d| ("-", d));
    let digits: String = digits.chars().filter(|c| *c != '.').collect();
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    out.push_str(sign);
    if !(-4..precision).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        out.push_str(&format!("E{sign}{:02}", exponent.abs()));
    } else if exponent < 0 {
        out.push_str("0.");
        out.extend((1..-exponent).map(|_| '0'));
        out.push_str(digits);
    } else {
        let whole = exponent as usize + 1;
        let (integer, fraction) = digits.split_at(digits.len().min(whole));
        out.push_str(integer);
        out.extend((integer.len()..whole).map(|_| '0'));
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(fraction);
        }
    }
}

/// The dialect of WKT, where it makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQL Server's: a position without a tag has up to four numbers.
    SqlServer,
    /// ISO's: a position without a tag has two.
    Iso,
}

impl Dialect {
    /// The dialect with that lower-case name.
    pub fn parse(name: &str) -> Option<Dialect> {
        match name {
            "sql_server" => Some(Dialect::SqlServer),
            "iso" => Some(Dialect::Iso),
            _ => None,
        }
    }
}

/// Parses a shape as `STGeomFromText` does: keywords in any case, up to four numbers per position without a tag, `NULL`
/// for Z or M, both forms of MULTIPOINT, curves, FULLGLOBE.
///
/// It also accepts what other systems write and the server rejects: the tags `Z`, `M` and `ZM`, separate from the name
/// or joined to it (`POINT Z (1 2 3)`, `PointZ (1 2 3)`), and `NaN` for a missing Z or M. Members of a collection
/// without their own tag inherit the collection's.
///
/// # Errors
///
/// [`Error::Value`] for the thing `geometry`, with the byte offset and what was expected there: for a SRID (see
/// [`read_extended`]), types that SQL Server does not have, numbers that are not finite, and everything that
/// [`Shape::check`] rejects; [`Error::Memory`] where there is no memory for the shape.
///
/// # Accuracy
///
/// Every number is rounded once, to the nearest double.
pub fn read(text: &str) -> Result<Shape, Error> {
    without_srid(text, Dialect::SqlServer)
}

/// Parses a shape like [`read`], but positions without a tag have two numbers.
///
/// # Errors
///
/// As [`read`].
pub fn read_iso(text: &str) -> Result<Shape, Error> {
    without_srid(text, Dialect::Iso)
}

fn without_srid(text: &str, dialect: Dialect) -> Result<Shape, Error> {
    match read_extended(text, dialect)? {
        (None, shape) => Ok(shape),
        (Some(srid), _) => Err(problem(format!("SRID={srid};"), "text without SRID")),
    }
}

/// Parses a shape and the optional SRID before it, as PostGIS writes it: `SRID=4326;POINT (1 2)`.
///
/// # Errors
///
/// As [`read`], except for the SRID.
///
/// # Examples
///
/// ```
/// use hart_kernels::spatial::geometry::wkt::{self, Dialect};
/// let (srid, shape) = wkt::read_extended("SRID=4326;PointZ (1 2 3)", Dialect::SqlServer)?;
/// assert_eq!((srid, shape), (Some(4326), wkt::read("POINT (1 2 3)")?));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn read_extended(text: &str, dialect: Dialect) -> Result<(Option<i32>, Shape), Error> {
    let tag = if dialect == Dialect::Iso { Some((false, false)) } else { None };
    let mut reader = Reader { text, at: 0, tag };
    let srid = reader.srid()?;
    let shape = reader.shape(0)?;
    if reader.peek().is_some() {
        return Err(reader.wrong("the end"));
    }
    shape.check(shape.own_type())?;
    Ok((srid, shape))
}

impl Geometry {
    /// A planar value from a text as [`read_extended`] accepts it, with the flag V set as [`Geometry::is_surely_valid`]
    /// says.
    ///
    /// # Errors
    ///
    /// As [`read`], and where the text names a SRID other than `srid`, unless `srid` is 0.
    pub fn from_wkt(text: &str, srid: i32) -> Result<Geometry, Error> {
        let (own, shape) = read_extended(text, Dialect::SqlServer)?;
        Ok(Geometry::new(srid_of(srid, own)?, shape))
    }
}

/// The ordinates that `Z`, `M` and `ZM` stand for.
const TAGS: [(&str, (bool, bool)); 3] = [("ZM", (true, true)), ("Z", (true, false)), ("M", (false, true))];
/// The names of the types. Some systems call a closed line a ring.
const NAMES: [&str; 12] = [
    "POINT",
    "LINESTRING",
    "POLYGON",
    "MULTIPOINT",
    "MULTILINESTRING",
    "MULTIPOLYGON",
    "GEOMETRYCOLLECTION",
    "CIRCULARSTRING",
    "COMPOUNDCURVE",
    "CURVEPOLYGON",
    "FULLGLOBE",
    "LINEARRING",
];

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Whether positions have Z and M by the last tag; `None` where positions may have any number.
    tag: Option<(bool, bool)>,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|c| c.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&mut self, expected: &str) -> Error {
        self.peek();
        let shown: String = self.text.get(self.at..).unwrap_or("").chars().take(20).collect();
        let found = if shown.is_empty() { "the end".into() } else { format!("`{shown}`") };
        problem(format!("{found} at byte {}", self.at), expected)
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// The characters up to a blank, a comma or a parenthesis.
    fn token(&mut self) -> &str {
        self.peek();
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '(' | ')' | ',');
        let rest = &self.text[self.at..];
        &rest[..rest.find(ends).unwrap_or(rest.len())]
    }

    fn word(&mut self, word: &str) -> bool {
        let there = self.token().eq_ignore_ascii_case(word);
        if there {
            self.at += word.len();
        }
        there
    }

    /// `SRID=` with a number and a semicolon.
    fn srid(&mut self) -> Result<Option<i32>, Error> {
        self.peek();
        let rest = &self.text[self.at..];
        let Some(number) =
            rest.get(..5).filter(|word| word.eq_ignore_ascii_case("SRID=")).map(|_| &rest[5..])
        else {
            return Ok(None);
        };
        let (number, _) = number.split_once(';').unwrap_or((number, ""));
        let Ok(srid) = number.trim().parse::<i32>() else {
            return Err(self.wrong("a number and `;` after SRID="));
        };
        self.at += 5 + number.len();
        if !self.take(b';') {
            return Err(self.wrong("`;` after the SRID"));
        }
        Ok(Some(srid))
    }

    /// The name of one of these types, in capitals, and its tag, which applies from here on.
    fn name(&mut self, names: &[&'static str]) -> Option<&'static str> {
        let token = self.token().to_ascii_uppercase();
        let known = |word: &str| names.iter().find(|name| **name == word);
        let joined = || {
            TAGS.iter().find_map(|(word, tag)| Some((token.strip_suffix(word).and_then(known)?, Some(*tag))))
        };
        let (name, tag) = known(&token).map(|name| (name, None)).or_else(joined)?;
        self.at += token.len();
        let apart = || TAGS.iter().find_map(|(word, tag)| self.word(word).then_some(*tag));
        if let Some(tag) = tag.or_else(apart) {
            self.tag = Some(tag);
        }
        Some(name)
    }

    fn shape(&mut self, depth: usize) -> Result<Shape, Error> {
        if depth > MAX_DEPTH {
            return Err(self.wrong(&format!("collections nested at most {MAX_DEPTH} deep")));
        }
        let around = self.tag;
        let Some(name) = self.name(&NAMES) else {
            let parts = ["MULTICURVE", "MULTISURFACE", "POLYHEDRALSURFACE", "TIN"];
            return Err(if self.name(&parts).is_some() {
                self.wrong("a GEOMETRYCOLLECTION of the members")
            } else {
                self.wrong(
                    "POINT, LINESTRING, POLYGON, a MULTI of them, a curve, GEOMETRYCOLLECTION or FULLGLOBE",
                )
            });
        };
        let shape = match name {
            "POINT" => Shape::Point(self.point()?),
            "LINESTRING" | "LINEARRING" => Shape::LineString(self.line()?),
            "POLYGON" => Shape::Polygon(self.list(Reader::line)?),
            "MULTIPOINT" => Shape::MultiPoint(self.list(Reader::member_point)?),
            "MULTILINESTRING" => Shape::MultiLineString(self.list(Reader::line)?),
            "MULTIPOLYGON" => Shape::MultiPolygon(self.list(|r| r.list(Reader::line))?),
            "CIRCULARSTRING" => Shape::CircularString(self.line()?),
            "COMPOUNDCURVE" => Shape::CompoundCurve(self.list(Reader::piece)?),
            "CURVEPOLYGON" => Shape::CurvePolygon(self.list(Reader::curve)?),
            "FULLGLOBE" => Shape::FullGlobe,
            _ => Shape::Collection(self.list(|r| r.shape(depth + 1))?),
        };
        self.tag = around;
        Ok(shape)
    }

    /// A part of a compound curve; a line needs no name.
    fn piece(&mut self) -> Result<Piece, Error> {
        let around = self.tag;
        let piece = match self.name(&["LINESTRING", "CIRCULARSTRING"]) {
            Some("CIRCULARSTRING") => Piece::Arcs(self.line()?),
            _ => Piece::Line(self.line()?),
        };
        self.tag = around;
        Ok(piece)
    }

    fn curve(&mut self) -> Result<Curve, Error> {
        let around = self.tag;
        let curve = match self.name(&["COMPOUNDCURVE"]) {
            Some(_) => Curve::Compound(self.list(Reader::piece)?),
            None => Curve::Simple(self.piece()?),
        };
        self.tag = around;
        Ok(curve)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        if self.word("EMPTY") {
            return Ok(Vec::new());
        }
        if !self.take(b'(') {
            return Err(self.wrong("`(` or EMPTY"));
        }
        let mut out = Vec::new();
        loop {
            let next = item(self)?;
            grow(&mut out, 1)?;
            out.push(next);
            if !self.take(b',') {
                break;
            }
        }
        if !self.take(b')') {
            let more = self.tag == Some((false, false)) && self.token().parse::<f64>().is_ok();
            return Err(self.wrong(if more {
                "`,` or `)`: in ISO's WKT a tag Z, M or ZM stands before positions of more than two numbers"
            } else {
                "`,` or `)`"
            }));
        }
        // Spare capacity would stay allocated as long as the shape.
        out.shrink_to_fit();
        Ok(out)
    }

    fn line(&mut self) -> Result<Vec<Position>, Error> {
        self.list(Reader::position)
    }

    fn point(&mut self) -> Result<Option<Position>, Error> {
        let mut found = self.list(Reader::position)?;
        match found.len() {
            0 | 1 => Ok(found.pop()),
            n => Err(problem(format!("a POINT of {n} positions"), "1 position")),
        }
    }

    /// A point of a MULTIPOINT, with or without parentheses.
    fn member_point(&mut self) -> Result<Option<Position>, Error> {
        if self.peek() == Some(b'(') || self.token().eq_ignore_ascii_case("EMPTY") {
            self.point()
        } else {
            self.position().map(Some)
        }
    }

    fn position(&mut self) -> Result<Position, Error> {
        let mut p = Position::new(self.number("a number")?, self.number("a number")?);
        if let Some((z, m)) = self.tag {
            p.z = if z { self.optional()? } else { None };
            p.m = if m { self.optional()? } else { None };
            return Ok(p);
        }
        let mut more = [None, None];
        for ordinate in &mut more {
            if matches!(self.peek(), None | Some(b',' | b')')) {
                break;
            }
            *ordinate = self.optional()?;
        }
        [p.z, p.m] = more;
        Ok(p)
    }

    /// A Z or M, possibly missing.
    fn optional(&mut self) -> Result<Option<f64>, Error> {
        if self.word("NULL") || self.word("NaN") {
            return Ok(None);
        }
        self.number("a number or NULL").map(Some)
    }

    fn number(&mut self, expected: &str) -> Result<f64, Error> {
        let token = self.token();
        let length = token.len();
        // Rust also parses words such as `inf`.
        let numeric = token.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
        match token.parse::<f64>() {
            Ok(value) if numeric && value.is_finite() => {
                self.at += length;
                // As the server does with −0.
                Ok(value + 0.0)
            }
            _ => Err(self.wrong(expected)),
        }
    }
}
