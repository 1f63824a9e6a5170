SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialDensity: How many positions of the plane lie in each cell of a grid.
-- One row for each cell that holds a position, by bucket_x, then bucket_y: cell floor(x / cell_size), floor(y /
-- cell_size), its middle, the number of its positions, and that number for a unit of area.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.PlaneRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   x float, real, numeric or an integer type [length]: X.
--   y float, real, numeric or an integer type [length]: Y.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @cell_size (a finite number >= 2.2250738585072014e-308) Length of a cell's edges, in the unit of the coordinates.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   bucket_x bigint [cells]: Number of the cell along x.
--   bucket_y bigint [cells]: Number of the cell along y.
--   x float [length]: X of the cell's middle.
--   y float [length]: Y of the cell's middle.
--   points bigint: Positions in the cell.
--   density float [1/length^2]: Positions for a unit of area.
--
-- NULL: Rows with NULL in a coordinate are left out.
-- Empty: No positions give no rows.
-- NaN and infinity: NaN, infinities and coordinates 2^53 cells or more from 0 are errors. A density or middle that
--                   leaves the range of doubles is infinite.
-- Accuracy: Counts are exact for the cells, whose numbers are quotients rounded to double precision before they are
--           rounded down. Middles and densities have a relative error of at most 2*2^-53; below the range of normal
--           doubles half a unit in the last place comes on top. The order of the rows and the number of threads do not
--           matter; same bits on every machine.
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialDensity]
--       @source = N'SELECT [x], [y] FROM (VALUES (CAST(5e-1 AS float), CAST(5e-1 AS float)), (CAST(1.5e0 AS float), CAST(0e0 AS float)), (CAST(-5e-1 AS float), CAST(0e0 AS float))) AS [example] ([x], [y])',
--       @cell_size = 2e0;
--   gives -1 | 0 | -1 | 1 | 1 | 0.25
--   gives 0 | 0 | 1 | 1 | 2 | 0.5
CREATE OR ALTER PROCEDURE [hart].[SpatialDensity]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[PlaneRows] READONLY,
    @cell_size float,
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @source IS NOT NULL AND EXISTS (SELECT * FROM @source_rows)
        THROW 59908, N'@source and @source_rows are both given; expected one of them', 1;
    IF @source IS NULL
    BEGIN
        IF NOT EXISTS (SELECT * FROM @source_rows)
            THROW 59909, N'neither @source nor a row in @source_rows is given; expected one of them', 1;
        IF @by_part = 1
            THROW 59907, N'@by_part = 1 needs @source: the rows of @source_rows have no column part', 1;
        SELECT [x], [y] INTO [#hart_rows] FROM @source_rows;
        SET @source = N'SELECT [x], [y] FROM [#hart_rows]';
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'x,y', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_density',
                @input_data_1 = @input,
                @params = N'@cell_size float, @rows_json varchar(max) OUTPUT',
                @cell_size = @cell_size,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_density',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@cell_size float',
                @cell_size = @cell_size
                WITH RESULT SETS (([bucket_x] bigint, [bucket_y] bigint, [x] float, [y] float, [points] bigint, [density] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_density',
                @input_data_1 = @input,
                @params = N'@cell_size float',
                @cell_size = @cell_size
                WITH RESULT SETS (([bucket_x] bigint, [bucket_y] bigint, [x] float, [y] float, [points] bigint, [density] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
