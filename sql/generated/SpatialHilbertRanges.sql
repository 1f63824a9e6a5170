SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialHilbertRanges: The ranges of Hilbert keys that cover a box, for searching an index on the keys.
-- Every position in the box has its key (spatial_hilbert with the same bounds and bits) in one of the ranges, both ends
-- included. Where max_ranges suffice, they are exactly the cells that the box touches, in as few ranges as there are;
-- else the smallest gaps between ranges are closed. Positions found by key must still be compared with the box: cells
-- at its surface lie partly outside, and closed gaps wholly.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   min_x float, real, numeric or an integer type [length]: Lower corner, x.
--   min_y float, real, numeric or an integer type [length]: Lower corner, y.
--   min_z float, real, numeric or an integer type [length]: Lower corner, z.
--   max_x float, real, numeric or an integer type [length]: Upper corner, x.
--   max_y float, real, numeric or an integer type [length]: Upper corner, y.
--   max_z float, real, numeric or an integer type [length]: Upper corner, z.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @min (text) Lower bounds: one number for all axes, or three, as in '-1, -1, 0'.
--   @max (text) Upper bounds: one number for all axes, or three.
--   @bits (an integer from 1 to 21) Bits of each axis. A key of fewer bits is not the beginning of one of more.
--   @outside (one of error, clamp) What a corner outside of the bounds gives: an error, or the edge, as for the keys of
--            positions that were clamped.
--   @max_ranges (an integer from 1 to 1000000) Ranges of a box at most.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   first_key bigint [index from 0]: First key of the range.
--   last_key bigint [index from 0]: Last key of the range.
--
-- NULL: NULL in any corner gives no ranges.
-- Empty: No rows give no rows.
-- NaN and infinity: NaN and infinities are errors, also with outside = clamp.
-- Accuracy: Exact: no position of the box is left out.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: Bounds from float columns: CONVERT(varchar(40), x, 3) keeps all digits.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialHilbertRanges]
--       @source = N'SELECT [id], [min_x], [min_y], [min_z], [max_x], [max_y], [max_z] FROM (VALUES (CAST(1 AS bigint), CAST(0e0 AS float), CAST(0e0 AS float), CAST(0e0 AS float), CAST(1.5e0 AS float), CAST(1.5e0 AS float), CAST(1.5e0 AS float))) AS [example] ([id], [min_x], [min_y], [min_z], [max_x], [max_y], [max_z])',
--       @max = N'4',
--       @bits = 2;
--   gives 1 | 0 | 7
CREATE OR ALTER PROCEDURE [hart].[SpatialHilbertRanges]
(
    @source nvarchar(max),
    @min nvarchar(max) = N'0',
    @max nvarchar(max) = N'1',
    @bits int = 21,
    @outside varchar(64) = 'error',
    @max_ranges int = 64,
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,min_x,min_y,min_z,max_x,max_y,max_z', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_hilbert_ranges',
                @input_data_1 = @input,
                @params = N'@min nvarchar(max), @max nvarchar(max), @bits int, @outside varchar(64), @max_ranges int, @rows_json varchar(max) OUTPUT',
                @min = @min,
                @max = @max,
                @bits = @bits,
                @outside = @outside,
                @max_ranges = @max_ranges,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_hilbert_ranges',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@min nvarchar(max), @max nvarchar(max), @bits int, @outside varchar(64), @max_ranges int',
                @min = @min,
                @max = @max,
                @bits = @bits,
                @outside = @outside,
                @max_ranges = @max_ranges
                WITH RESULT SETS (([id] bigint, [first_key] bigint, [last_key] bigint, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_hilbert_ranges',
                @input_data_1 = @input,
                @params = N'@min nvarchar(max), @max nvarchar(max), @bits int, @outside varchar(64), @max_ranges int',
                @min = @min,
                @max = @max,
                @bits = @bits,
                @outside = @outside,
                @max_ranges = @max_ranges
                WITH RESULT SETS (([id] bigint, [first_key] bigint, [last_key] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
