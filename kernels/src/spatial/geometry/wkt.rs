//! WKT as SQL Server spells it, three or four numbers without a tag and `NULL` for a Z or M that is missing, and as ISO and other
//! systems do, with the tags `Z`, `M` and `ZM`.

use super::{Geometry, MAX_DEPTH, Position, Shape, SpatialType, present, problem};
use crate::error::Error;

/// Writes a shape as `ToString()` and `AsTextZM()` do: `POINT (1 2 3)`, `LINESTRING (0 0 NULL 4, 1 1)`.
///
/// Numbers have 15 significant digits where those give the same double back, else 17, as .NET's format `R` on the server.
///
/// # Errors
///
/// [`Error::Value`] where a Z or M is infinite: text has no word for it.
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

/// Writes a shape with tags: `POINT Z (1 2 3)`.
///
/// # Errors
///
/// [`Error::Value`] for FULLGLOBE, and where some positions lack a Z or M that others have, or one is infinite: tagged text
/// cannot say that.
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
        return Err(problem("FULLGLOBE", "a shape of the plane"));
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
    match shape {
        Shape::FullGlobe => {}
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
    // The server folds −0.
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

/// Reads a shape as `STGeomFromText` does: words in any case, up to four numbers a position without a tag,
/// `NULL` for Z or M, both forms of MULTIPOINT.
///
/// # Errors
///
/// [`Error::Value`] for the thing `geometry`, with the byte and what was expected there: the tags `Z`, `M` and `ZM`
/// (which the server does not take either), curves, numbers that are not finite, and all that
/// [`Shape::check`] refuses.
///
/// # Accuracy
///
/// Every number is rounded once to the nearest double.
pub fn read(text: &str) -> Result<Shape, Error> {
    read_as(text, None)
}

/// Reads a shape whose Z and M are announced by the tags `Z`, `M` and `ZM`; without a tag, positions have two numbers.
///
/// # Errors
///
/// As [`read`], but for the tags.
pub fn read_iso(text: &str) -> Result<Shape, Error> {
    read_as(text, Some((false, false)))
}

fn read_as(text: &str, tag: Option<(bool, bool)>) -> Result<Shape, Error> {
    let mut reader = Reader { text, at: 0, tag };
    let shape = reader.shape(0)?;
    if reader.peek().is_some() {
        return Err(reader.wrong("the end"));
    }
    let kind = if shape == Shape::FullGlobe { SpatialType::Geography } else { SpatialType::Geometry };
    shape.check(kind)?;
    Ok(shape)
}

impl Geometry {
    /// [`read`] as a value of the plane, with the flag V as [`Geometry::is_surely_valid`] says.
    ///
    /// # Errors
    ///
    /// As [`read`].
    pub fn from_wkt(text: &str, srid: i32) -> Result<Geometry, Error> {
        Ok(Geometry::new(srid, read(text)?))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Whether positions have Z and M, as the last tag has said; `None` where there are no tags.
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

    fn shape(&mut self, depth: usize) -> Result<Shape, Error> {
        const CURVES: [&str; 3] = ["CIRCULARSTRING", "COMPOUNDCURVE", "CURVEPOLYGON"];
        let name = self.token().to_ascii_uppercase();
        if CURVES.contains(&name.as_str()) {
            return Err(self.wrong("a shape without curves"));
        }
        if depth > MAX_DEPTH {
            return Err(self.wrong(&format!("collections nested at most {MAX_DEPTH} deep")));
        }
        let name_at = self.at;
        self.at += name.len();
        if self.tag.is_some() {
            let tags = [("Z", (true, false)), ("M", (false, true)), ("ZM", (true, true))];
            let found = tags.into_iter().find(|(tag, _)| self.word(tag));
            self.tag = Some(found.map_or((false, false), |(_, tag)| tag));
        }
        Ok(match name.as_str() {
            "POINT" => Shape::Point(self.point()?),
            "LINESTRING" => Shape::LineString(self.list(Reader::position)?),
            "POLYGON" => Shape::Polygon(self.list(Reader::line)?),
            "MULTIPOINT" => Shape::MultiPoint(self.list(Reader::member_point)?),
            "MULTILINESTRING" => Shape::MultiLineString(self.list(Reader::line)?),
            "MULTIPOLYGON" => Shape::MultiPolygon(self.list(|r| r.list(Reader::line))?),
            "GEOMETRYCOLLECTION" => Shape::Collection(self.list(|r| r.shape(depth + 1))?),
            "FULLGLOBE" => Shape::FullGlobe,
            _ => {
                self.at = name_at;
                return Err(self.wrong("POINT, LINESTRING, POLYGON, a MULTI of them, or GEOMETRYCOLLECTION"));
            }
        })
    }

    fn open(&mut self) -> Result<(), Error> {
        if self.take(b'(') {
            return Ok(());
        }
        let tagged =
            self.tag.is_none() && ["Z", "M", "ZM"].iter().any(|tag| self.token().eq_ignore_ascii_case(tag));
        Err(self.wrong(if tagged { "`(`: SQL Server's WKT has no tag before it" } else { "`(` or EMPTY" }))
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        if self.word("EMPTY") {
            return Ok(Vec::new());
        }
        self.open()?;
        let mut out = vec![item(self)?];
        while self.take(b',') {
            out.push(item(self)?);
        }
        if !self.take(b')') {
            return Err(self.wrong("`,` or `)`"));
        }
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
            p.z = z.then(|| self.number("a number")).transpose()?;
            p.m = m.then(|| self.number("a number")).transpose()?;
            return Ok(p);
        }
        let mut more = [None, None];
        for ordinate in &mut more {
            if matches!(self.peek(), None | Some(b',' | b')')) {
                break;
            }
            *ordinate = if self.word("NULL") { None } else { Some(self.number("a number or NULL")?) };
        }
        [p.z, p.m] = more;
        Ok(p)
    }

    fn number(&mut self, expected: &str) -> Result<f64, Error> {
        let token = self.token();
        let length = token.len();
        // Rust reads words such as `inf` too.
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
