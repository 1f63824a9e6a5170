SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialLandmarks: Rows that are far from each other, as landmarks or anchors of a basis.
-- Farthest-point selection: first the row farthest from the mean of all, then each time the row whose nearest landmark
-- is farthest. Euclidean distances. Equal distances are decided by the smaller id, then by input order, so the choice
-- is the same every time. It ends early where all other rows equal a landmark.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @count (an integer from 1 to 1024) Landmarks wanted.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   rank int [number from 1]: 1 is the landmark chosen first, the farthest from the mean.
--   id bigint: The caller's key; returned unchanged.
--   distance float [that of the vectors]: Euclidean distance from the nearest landmark chosen before; of the first from
--            the mean.
--
-- NULL: A row whose vector is NULL is left out. A NULL id loses every tie.
-- Empty: No rows give no landmarks.
-- NaN and infinity: A vector that is not finite is an error that names its row.
-- Accuracy: Distances as vector_euclidean_distance with accumulate = f64, to the nearest landmark chosen before; of the
--           first from the mean, rounded to the precision of the vectors. Same bits on every instruction set and for
--           any number of threads.
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialLandmarks]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[0,0]'' AS varchar(max))), (CAST(2 AS bigint), CAST(''[1,0]'' AS varchar(max))), (CAST(3 AS bigint), CAST(''[9,0]'' AS varchar(max))), (CAST(4 AS bigint), CAST(''[2,4]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @count = 3;
--   gives 1 | 3 | 6.082762530298219
--   gives 2 | 1 | 9
--   gives 3 | 4 | 4.47213595499958
CREATE OR ALTER PROCEDURE [hart].[SpatialLandmarks]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @count int = 3,
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
                @script = N'spatial_landmarks',
                @input_data_1 = @input,
                @params = N'@count int, @element varchar(64), @rows_json varchar(max) OUTPUT',
                @count = @count,
                @element = @element,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_landmarks',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@count int, @element varchar(64)',
                @count = @count,
                @element = @element
                WITH RESULT SETS (([rank] int, [id] bigint, [distance] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_landmarks',
                @input_data_1 = @input,
                @params = N'@count int, @element varchar(64)',
                @count = @count,
                @element = @element
                WITH RESULT SETS (([rank] int, [id] bigint, [distance] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
