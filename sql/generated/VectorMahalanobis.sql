SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorMahalanobis: Mahalanobis distances of rows from their average, with their covariance matrix.
-- sqrt((x - mu)^T C^-1 (x - mu)), not squared, by one Cholesky factorization of C, or of (1 - s)*C + s*t*I with
-- `shrinkage` s.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @shrinkage (a number from 0 to 1) Share s of (1 - s)*C + s*t*I, where t is the mean variance of a component: above
--              0 a singular matrix C becomes regular.
--   @divisor (one of sample, population) What squared deviations are divided by: sample = vectors - 1, as VAR;
--            population = vectors, as VARP.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   distance float [standard deviations]: The distance.
--
-- NULL: A NULL vector gives NULL and does not count.
-- Empty: No rows give no rows. An empty vector is an error.
-- NaN and infinity: A vector that is not finite is an error that names its row.
-- Accuracy: Double precision, of the covariance of vector_covariance; the relative error grows with the matrix's
--           condition. A singular matrix is an error that names the component. Same bits for any order of the rows,
--           number of threads and instruction set. O(rows * dimensions^2 + dimensions^3).
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorMahalanobis]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[-2,0]'' AS varchar(max))), (CAST(2 AS bigint), CAST(''[2,0]'' AS varchar(max))), (CAST(3 AS bigint), CAST(''[0,-4]'' AS varchar(max))), (CAST(4 AS bigint), CAST(''[0,4]'' AS varchar(max))), (CAST(5 AS bigint), CAST(''[0,0]'' AS varchar(max))), (CAST(6 AS bigint), CAST(''[0,0]'' AS varchar(max))), (CAST(7 AS bigint), CAST(''[0,0]'' AS varchar(max))), (CAST(8 AS bigint), CAST(''[0,0]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @divisor = N'population';
--   gives 1 | 2
--   gives 2 | 2
--   gives 3 | 2
--   gives 4 | 2
--   gives 5 | 0
--   gives 6 | 0
--   gives 7 | 0
--   gives 8 | 0
CREATE OR ALTER PROCEDURE [hart].[VectorMahalanobis]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @shrinkage float = 0,
    @divisor varchar(64) = 'sample',
    @element varchar(64) = 'f32',
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
        SELECT [id], [v] INTO [#hart_rows] FROM @source_rows;
        SET @source =
            CASE WHEN EXISTS (SELECT * FROM [#hart_rows] WHERE DATALENGTH([v]) > 8000)
                THEN N'SELECT [id], [v] FROM [#hart_rows]'
                ELSE N'SELECT [id], CAST([v] AS varbinary(8000)) AS [v] FROM [#hart_rows]'
            END;
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,v', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_mahalanobis',
                @input_data_1 = @input,
                @params = N'@shrinkage float, @divisor varchar(64), @element varchar(64), @rows_json varchar(max) OUTPUT',
                @shrinkage = @shrinkage,
                @divisor = @divisor,
                @element = @element,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_mahalanobis',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@shrinkage float, @divisor varchar(64), @element varchar(64)',
                @shrinkage = @shrinkage,
                @divisor = @divisor,
                @element = @element
                WITH RESULT SETS (([id] bigint, [distance] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_mahalanobis',
                @input_data_1 = @input,
                @params = N'@shrinkage float, @divisor varchar(64), @element varchar(64)',
                @shrinkage = @shrinkage,
                @divisor = @divisor,
                @element = @element
                WITH RESULT SETS (([id] bigint, [distance] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
