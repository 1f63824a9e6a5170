SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorPca: Principal components of vectors: the directions in which they vary most, with the variance that each
--                 explains.
-- Row 0 has the mean, rows from 1 the components by descending variance. A vector x has the coordinates (x -
-- mean)*axis: vector_subtract and vector_dot_product; or, for many, spatial_fit with kind = landmarks from the axes in
-- the order of their numbers makes a basis for spatial_project, whose coordinates are those of x less those of the
-- mean.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @components (an integer from 1 to 1024) Number of components, fewer than rows and no more than dimensions.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @result_vectors (packed or json) How result vectors are written; JSON can be stored in a VECTOR column.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   component int [number from 1]: The component; 0 for the mean.
--   axis varbinary(max) or varchar(max): Its direction, of length 1, with the largest component positive; in row 0 the
--        mean. f32 where the elements are i8.
--   variance float [that of the vectors squared]: The variance along it, divided by one less than the number of rows;
--            NULL in row 0.
--   share float [share of 1]: Its share of the sum of all components' variances; NULL in row 0, and where nothing
--         varies.
--   singular_value float [that of the vectors]: The singular value of the centred rows; NULL in row 0.
--
-- NULL: A row whose vector is NULL is left out. A NULL id comes last.
-- Empty: No more vectors than components are an error.
-- NaN and infinity: A vector that is not finite is an error that names its row.
-- Accuracy: Double precision: ||C*a - lambda*a|| <= 1e-10*lambda_1 for every axis before it is rounded to the element
--           type, by subspace iteration on the centred rows, or all axes at once. Rows are centred by the mean of exact
--           sums, so that what varies little far from 0 keeps its digits. That axes of larger variance have not been
--           missed is made likely by random directions beyond the wanted ones. Sums are by rising id: same bits for any
--           order of rows with distinct integer ids, number of threads and instruction set.
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorPca]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[0,1]'' AS varchar(max))), (CAST(2 AS bigint), CAST(''[2,1]'' AS varchar(max))), (CAST(3 AS bigint), CAST(''[4,1]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @components = 1,
--       @result_vectors = 'json';
--   gives 0 | [2,1] | NULL | NULL | NULL
--   gives 1 | [1,0] | 4 | 1 | 2.8284271247461903
CREATE OR ALTER PROCEDURE [hart].[VectorPca]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @components int = 3,
    @element varchar(64) = 'f32',
    @result_vectors varchar(64) = 'packed',
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
                @script = N'vector_pca',
                @input_data_1 = @input,
                @params = N'@components int, @element varchar(64), @result_vectors varchar(64), @rows_json varchar(max) OUTPUT',
                @components = @components,
                @element = @element,
                @result_vectors = @result_vectors,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1 AND LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_pca',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@components int, @element varchar(64), @result_vectors varchar(64)',
                @components = @components,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([component] int, [axis] varchar(max), [variance] float, [share] float, [singular_value] float, [part] bigint));
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_pca',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@components int, @element varchar(64), @result_vectors varchar(64)',
                @components = @components,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([component] int, [axis] varbinary(max), [variance] float, [share] float, [singular_value] float, [part] bigint));
        ELSE IF LOWER(@result_vectors) = 'json'
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_pca',
                @input_data_1 = @input,
                @params = N'@components int, @element varchar(64), @result_vectors varchar(64)',
                @components = @components,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([component] int, [axis] varchar(max), [variance] float, [share] float, [singular_value] float));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_pca',
                @input_data_1 = @input,
                @params = N'@components int, @element varchar(64), @result_vectors varchar(64)',
                @components = @components,
                @element = @element,
                @result_vectors = @result_vectors
                WITH RESULT SETS (([component] int, [axis] varbinary(max), [variance] float, [share] float, [singular_value] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
