//! A column of a Parquet file.

use std::error::Error;
use std::fs::File;
use std::path::Path;

use parquet::column::reader::ColumnReader;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// The singles of a column of lists without NULLs, one row after the other, and the number of rows.
pub(crate) fn singles(path: &Path, name: &str) -> Result<(Vec<f32>, usize), Box<dyn Error>> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let (mut values, mut count) = (Vec::new(), 0);
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let columns = group.metadata().columns();
        let at = columns.iter().position(|c| c.column_path().string().starts_with(name));
        let at = at.ok_or_else(|| format!("{} has no column {name}", path.display()))?;
        let ColumnReader::FloatColumnReader(mut column) = group.get_column_reader(at)? else {
            return Err(format!("{}: the column {name} holds no singles", path.display()).into());
        };
        let (mut definitions, mut repetitions) = (Vec::new(), Vec::new());
        let mut left = group.metadata().num_rows() as usize;
        count += left;
        while left > 0 {
            let (read, ..) =
                column.read_records(left, Some(&mut definitions), Some(&mut repetitions), &mut values)?;
            left -= read;
        }
    }
    Ok((values, count))
}
