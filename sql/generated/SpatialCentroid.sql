SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialCentroid: The mean of all positions.
-- One row: the means of x, y and z over the rows that have all three, and their number.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   x float, real, numeric or an integer type [length]: X.
--   y float, real, numeric or an integer type [length]: Y.
--   z float, real, numeric or an integer type [length]: Z.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   x float [length]: Mean x.
--   y float [length]: Mean y.
--   z float [length]: Mean z.
--   points bigint: Number of positions.
--
-- NULL: Rows with NULL in a coordinate are left out.
-- Empty: No positions give NULL, NULL, NULL and 0.
-- NaN and infinity: NaN and infinities are errors that name the row.
-- Accuracy: The sum is compensated: of n positions a mean is off by at most 2^-52 of its size and n^2*2^-106 of the
--           mean magnitude, also where the sum leaves the range of doubles. The same bits for any number of threads, on
--           every machine; another order of the rows may change the last bit.
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialCentroid]
--       @source = N'SELECT [x], [y], [z] FROM (VALUES (CAST(1e0 AS float), CAST(-2e0 AS float), CAST(5e-1 AS float)), (CAST(3e0 AS float), CAST(2e0 AS float), CAST(1e0 AS float)), (CAST(9e0 AS float), CAST(9e0 AS float), CAST(NULL AS float))) AS [example] ([x], [y], [z])';
--   gives 2 | 0 | 0.75 | 2
CREATE OR ALTER PROCEDURE [hart].[SpatialCentroid]
(
    @source nvarchar(max),
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'x,y,z', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_centroid',
                @input_data_1 = @input,
                @params = N'@rows_json varchar(max) OUTPUT',
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_centroid',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel
                WITH RESULT SETS (([x] float, [y] float, [z] float, [points] bigint, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_centroid',
                @input_data_1 = @input
                WITH RESULT SETS (([x] float, [y] float, [z] float, [points] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
