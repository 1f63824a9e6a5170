//! Columns of any type that no kernel reads but that are passed through: their parts, and selection of rows.

use hart_kernels::Error;

use crate::columns::{BitmapBuilder, Bits, Field, Made, check_memory, offsets};
use crate::failure::Failure;

/// An array and its child arrays. Its buffers have been checked against its lengths and offsets, and rows count from
/// its first one here.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub field: Field,
    pub rows: usize,
    /// `None` if no row is NULL.
    pub validity: Option<Bits<'a>>,
    pub layout: Layout<'a>,
    pub children: Vec<Node<'a>>,
    pub dictionary: Option<Box<Node<'a>>>,
}

/// Arrow's layout of the values.
#[derive(Clone, Debug)]
pub(crate) enum Layout<'a> {
    Null,
    Bits(Bits<'a>),
    Fixed {
        width: usize,
        bytes: &'a [u8],
    },
    Variable {
        large: bool,
        offsets: Vec<usize>,
        bytes: &'a [u8],
    },
    /// Sixteen bytes per row, and the buffers to which longer values point.
    View {
        views: &'a [u8],
        buffers: Vec<&'a [u8]>,
    },
    /// Lists and maps: ranges of the child's rows.
    List {
        large: bool,
        offsets: Vec<usize>,
    },
    /// Lists in any order: the start and length of each.
    ListView {
        large: bool,
        starts: Vec<usize>,
        lengths: Vec<usize>,
    },
    FixedList(usize),
    Struct,
    /// A union: for each row its child, as an index into `children`, and type code; for a dense union also the child's
    /// row.
    Union {
        codes: &'a [u8],
        of: Vec<usize>,
        rows: Option<Vec<usize>>,
    },
    /// Runs: the end of each, counted from `start` rows before the first row here.
    RunEnd {
        ends: Vec<usize>,
        start: usize,
    },
}

/// The remainder of a memory limit.
pub(crate) struct Budget {
    pub what: String,
    pub taken: u64,
    pub limit: u64,
}

impl Budget {
    fn take(&mut self, count: usize, size: usize) -> Result<(), Error> {
        self.taken = self.taken.saturating_add((count as u64).saturating_mul(size as u64));
        check_memory(self.what.clone(), self.taken, self.limit)
    }
}

impl Node<'_> {
    fn is_null(&self, row: usize) -> bool {
        self.validity.is_some_and(|bits| !bits.get(row))
    }

    fn wrong(&self, row: usize, found: &str) -> Failure {
        Failure::Arrow {
            place: format!("input column {}", self.field.name),
            found: format!("{found} in row {}", row + 1),
            expected: "one inside of its buffers".into(),
        }
    }

    /// The rows `picked`, unchanged.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] beyond the budget; [`Failure::Arrow`] where a row points outside its buffers.
    pub(crate) fn take(&self, picked: &[usize], budget: &mut Budget) -> Result<Made, Failure> {
        let mut made = Made { field: self.field.clone(), rows: picked.len(), ..Made::default() };
        made.bare = matches!(self.layout, Layout::Null | Layout::Union { .. } | Layout::RunEnd { .. });
        budget.take(picked.len(), 1)?;
        if !made.bare {
            let mut present = BitmapBuilder::with_capacity(picked.len());
            picked.iter().for_each(|row| present.push(!self.is_null(*row)));
            (made.validity, made.nulls) = present.validity();
        }
        match &self.layout {
            Layout::Null => made.nulls = picked.len(),
            Layout::Bits(bits) => {
                let mut out = BitmapBuilder::with_capacity(picked.len());
                picked.iter().for_each(|row| out.push(bits.get(*row)));
                made.buffers.push(out.bits());
            }
            Layout::Fixed { width, bytes } => {
                budget.take(picked.len(), *width)?;
                let mut out = Vec::with_capacity(picked.len() * width);
                picked.iter().for_each(|row| out.extend_from_slice(&bytes[row * width..(row + 1) * width]));
                made.buffers.push(out);
            }
            Layout::Variable { large, offsets: from, bytes } => {
                let range = |row: usize| if self.is_null(row) { 0..0 } else { from[row]..from[row + 1] };
                let total = picked.iter().map(|row| range(*row).len()).sum();
                budget.take(total, 1)?;
                budget.take(picked.len(), 8)?;
                made.buffers.push(offsets(
                    &self.field.name,
                    picked.iter().map(|row| range(*row).len()),
                    1,
                    *large,
                )?);
                let mut out = Vec::with_capacity(total);
                picked.iter().for_each(|row| out.extend_from_slice(&bytes[range(*row)]));
                made.buffers.push(out);
            }
            Layout::View { views, buffers } => self.take_views(views, buffers, picked, budget, &mut made)?,
            Layout::List { large, offsets: from } => {
                let range = |row: usize| if self.is_null(row) { 0..0 } else { from[row]..from[row + 1] };
                made.buffers.push(offsets(
                    &self.field.name,
                    picked.iter().map(|row| range(*row).len()),
                    1,
                    *large,
                )?);
                made.children.push(self.elements(picked, range, budget)?);
            }
            Layout::ListView { large, starts, lengths } => {
                let range = |row: usize| match self.is_null(row) {
                    true => 0..0,
                    false => starts[row]..starts[row] + lengths[row],
                };
                // Offsets without the final one, and sizes.
                let size = if *large { 8 } else { 4 };
                let mut begin =
                    offsets(&self.field.name, picked.iter().map(|row| range(*row).len()), 1, *large)?;
                begin.truncate(picked.len() * size);
                let long = |row: &usize| (range(*row).len() as u64).to_le_bytes();
                let sizes = picked.iter().flat_map(|row| long(row).into_iter().take(size)).collect();
                made.buffers.extend([begin, sizes]);
                made.children.push(self.elements(picked, range, budget)?);
            }
            Layout::FixedList(n) => {
                made.children.push(self.elements(picked, |row| row * n..(row + 1) * n, budget)?);
            }
            Layout::Struct => {
                for child in &self.children {
                    made.children.push(child.take(picked, budget)?);
                }
            }
            Layout::Union { codes, of, rows } => {
                self.take_union(codes, of, rows.as_deref(), picked, budget, &mut made)?
            }
            Layout::RunEnd { ends, start } => self.take_runs(ends, *start, picked, budget, &mut made)?,
        }
        if let Some(dictionary) = &self.dictionary {
            made.dictionary = Some(Box::new(dictionary.all(budget)?));
        }
        Ok(made)
    }

    /// All rows.
    pub(crate) fn all(&self, budget: &mut Budget) -> Result<Made, Failure> {
        budget.take(self.rows, size_of::<usize>())?;
        self.take(&Vec::from_iter(0..self.rows), budget)
    }

    /// The elements of lists.
    fn elements(
        &self,
        picked: &[usize],
        range: impl Fn(usize) -> std::ops::Range<usize>,
        budget: &mut Budget,
    ) -> Result<Made, Failure> {
        let total: usize = picked.iter().map(|row| range(*row).len()).sum();
        budget.take(total, size_of::<usize>())?;
        let rows: Vec<usize> = picked.iter().flat_map(|row| range(*row)).collect();
        self.children[0].take(&rows, budget)
    }

    fn take_views(
        &self,
        views: &[u8],
        buffers: &[&[u8]],
        picked: &[usize],
        budget: &mut Budget,
        made: &mut Made,
    ) -> Result<(), Failure> {
        /// Bytes stored in the view itself.
        const INLINE: usize = 12;
        let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |b| i32::from_le_bytes(*b));
        budget.take(picked.len(), 16)?;
        let (mut out, mut data) = (Vec::with_capacity(picked.len() * 16), Vec::<Vec<u8>>::new());
        for &row in picked {
            let view = &views[row * 16..(row + 1) * 16];
            let length = if self.is_null(row) { 0 } else { number(view) };
            let outside = || self.wrong(row, "a view");
            let length = usize::try_from(length).map_err(|_| outside())?;
            if length <= INLINE {
                out.extend_from_slice(if length == 0 { &[0; 16] } else { view });
                continue;
            }
            let place = |at: usize| usize::try_from(number(&view[at..])).map_err(|_| outside());
            let (buffer, start) = (place(8)?, place(12)?);
            let value = buffers.get(buffer).and_then(|bytes| bytes.get(start..)?.get(..length));
            let value = value.ok_or_else(outside)?;
            budget.take(length, 1)?;
            if data.last().is_none_or(|last| last.len() + length > i32::MAX as usize) {
                data.push(Vec::new());
            }
            let at = data.len() - 1;
            out.extend_from_slice(&view[..8]);
            out.extend_from_slice(&(at as i32).to_le_bytes());
            out.extend_from_slice(&(data[at].len() as i32).to_le_bytes());
            data[at].extend_from_slice(value);
        }
        let sizes = data.iter().flat_map(|buffer| (buffer.len() as i64).to_le_bytes()).collect();
        made.buffers.push(out);
        made.buffers.append(&mut data);
        made.buffers.push(sizes);
        Ok(())
    }

    fn take_union(
        &self,
        codes: &[u8],
        of: &[usize],
        rows: Option<&[usize]>,
        picked: &[usize],
        budget: &mut Budget,
        made: &mut Made,
    ) -> Result<(), Failure> {
        made.buffers.push(picked.iter().map(|row| codes[*row]).collect());
        let Some(rows) = rows else {
            for child in &self.children {
                made.children.push(child.take(picked, budget)?);
            }
            return Ok(());
        };
        budget.take(picked.len(), 12)?;
        let mut of_child = vec![Vec::new(); self.children.len()];
        let mut places = Vec::with_capacity(picked.len() * 4);
        for &row in picked {
            let list: &mut Vec<usize> = &mut of_child[of[row]];
            let place =
                i32::try_from(list.len()).map_err(|_| self.wrong(row, "more than 2³¹ rows of a child"))?;
            places.extend_from_slice(&place.to_le_bytes());
            list.push(rows[row]);
        }
        made.buffers.push(places);
        for (child, picked) in self.children.iter().zip(of_child) {
            made.children.push(child.take(&picked, budget)?);
        }
        Ok(())
    }

    fn take_runs(
        &self,
        ends: &[usize],
        start: usize,
        picked: &[usize],
        budget: &mut Budget,
        made: &mut Made,
    ) -> Result<(), Failure> {
        budget.take(picked.len(), 16)?;
        let (mut runs, mut values) = (Vec::new(), Vec::new());
        for (i, row) in picked.iter().enumerate() {
            let run = ends.partition_point(|end| *end <= start + row);
            if run >= ends.len() {
                return Err(self.wrong(*row, "a row behind the last run"));
            }
            if values.last() != Some(&run) {
                values.push(run);
                runs.push(0);
            }
            *runs.last_mut().unwrap_or(&mut 0) = i as u64 + 1;
        }
        let counts = &self.children[0];
        let Layout::Fixed { width, .. } = counts.layout else {
            return Err(self.wrong(0, "a run's end of no integer type"));
        };
        let most = (1u64 << (8 * width - 1)) - 1;
        if picked.len() as u64 > most {
            let (what, bytes) = (
                format!("column {}, whose runs are counted in {width} bytes,", self.field.name),
                picked.len() as u64,
            );
            return Err(Error::Memory { what, bytes, limit: most }.into());
        }
        let bytes = runs.iter().flat_map(|end| end.to_le_bytes().into_iter().take(width)).collect();
        made.children.push(Made {
            field: counts.field.clone(),
            rows: runs.len(),
            buffers: vec![bytes],
            ..Made::default()
        });
        made.children.push(self.children[1].take(&values, budget)?);
        Ok(())
    }
}
