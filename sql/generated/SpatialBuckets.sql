SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialBuckets: The cells of positions in a grid of a stated size, and in coarser ones.
-- floor(v / cell_size) on each axis; negative coordinates round down, too, so that no cell is larger than others. One
-- row for each level: a cell of level l + 1 holds eight of level l (its numbers are theirs halved and rounded down).
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.PointRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   x float, real, numeric or an integer type [length]: X.
--   y float, real, numeric or an integer type [length]: Y.
--   z float, real, numeric or an integer type [length]: Z.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @cell_size (a finite number >= 2.2250738585072014e-308) Length of a cell's edges, in the unit of the coordinates.
--   @levels (an integer from 1 to 32) Levels: cells of level l have edges of cell_size * 2^l.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   level int: 0 for cell_size, 1 for twice that, ...
--   bucket_x bigint [cells]: Number of the cell along x.
--   bucket_y bigint [cells]: Number of the cell along y.
--   bucket_z bigint [cells]: Number of the cell along z.
--
-- NULL: NULL in a coordinate gives NULL in its bucket.
-- Empty: No rows give no rows.
-- NaN and infinity: NaN, infinities and coordinates 2^53 cells or more from 0 are errors.
-- Accuracy: The quotient is rounded to double precision before it is rounded down; the same on every machine.
-- Chunks: Row by row: chunks do not change results.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialBuckets]
--       @source = N'SELECT [id], [x], [y], [z] FROM (VALUES (CAST(1 AS bigint), CAST(2.5e-1 AS float), CAST(-5e-2 AS float), CAST(NULL AS float))) AS [example] ([id], [x], [y], [z])',
--       @cell_size = 1.25e-1,
--       @levels = 2;
--   gives 1 | 0 | 2 | -1 | NULL
--   gives 1 | 1 | 1 | -1 | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialBuckets]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[PointRows] READONLY,
    @cell_size float,
    @levels int = 1,
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
        SELECT [id], [x], [y], [z] INTO [#hart_rows] FROM @source_rows;
        SET @source = N'SELECT [id], [x], [y], [z] FROM [#hart_rows]';
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,x,y,z', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_buckets',
                @input_data_1 = @input,
                @params = N'@cell_size float, @levels int, @rows_json varchar(max) OUTPUT',
                @cell_size = @cell_size,
                @levels = @levels,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_buckets',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@cell_size float, @levels int',
                @cell_size = @cell_size,
                @levels = @levels
                WITH RESULT SETS (([id] bigint, [level] int, [bucket_x] bigint, [bucket_y] bigint, [bucket_z] bigint, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_buckets',
                @input_data_1 = @input,
                @params = N'@cell_size float, @levels int',
                @cell_size = @cell_size,
                @levels = @levels
                WITH RESULT SETS (([id] bigint, [level] int, [bucket_x] bigint, [bucket_y] bigint, [bucket_z] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
