SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialProject: Vectors to points in space, as numbers and as serialized points.
-- A coordinate is the dot product with an axis of the basis or, with a basis of trilateration, the distance from an
-- anchor over the basis's scale. x, y and z are the first three; those that the basis does not have are 0. The bytes
-- are a POINT with Z. The residual is the vector's distance from the span of the axes, sqrt(norm^2 - sum c_i^2) over
-- all axes: what the point does not show of it.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @basis (binary, or its hexadecimal text (0x...)) The basis, as spatial_fit returns it. Empty: clr_v1, the three
--          axes for 1998 dimensions of the replaced assembly.
--   @pad (one of no, yes) yes: vectors shorter than the dimension of the basis are filled up with zeros; no: they are
--        an error.
--   @srid (an integer from 0 to 999999) Identifier of the reference system. geography needs one for the globe, such as
--         4326.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @accumulate (one of f64, f32) Precision of the sum's 32 lanes. f64 elements are always accumulated in f64.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   x float [that of the vectors]: Coordinate on the first axis.
--   y float [that of the vectors]: On the second axis.
--   z float [that of the vectors]: On the third axis.
--   geometry varbinary(38): POINT (x y z), serialized in 30 bytes.
--   norm float [that of the vectors]: Length of the vector.
--   residual float [that of the vectors]: Distance from the span of the axes; NULL for trilateration.
--
-- NULL: A NULL vector gives NULL in all columns.
-- Empty: An empty vector is of the wrong dimension, or, with pad = yes, the origin.
-- NaN and infinity: A coordinate that is not finite is an error that names the row: a point has none.
-- Accuracy: The bits of vector_dot_product of vector and axis with the same `accumulate`, so the error is that of the
--           dot product. A residual r is off by about d*norm^2 / (2r), and one that should be 0 may be sqrt d*norm,
--           where d, at most 1.2e-7*axes, is how far the axes, rounded to singles, are from orthonormal. norm has a
--           relative error of at most (dimension/64 + 8)*2^-53 with accumulate = f64 and of any size. clr_v1 agrees
--           with the original within 3e-6 x the range of the components; the original itself differs between processors
--           by a third of that. Same bits on every instruction set and for any number of threads.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: CAST(geometry AS GEOMETRY) takes the bytes. Values of different SRIDs cannot be compared. FLOAT holds
--           neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialProject]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[3,4,12]'' AS varchar(max))), (CAST(2 AS bigint), CAST(NULL AS varchar(max)))) AS [example] ([id], [v])',
--       @basis = 0x484241530100010003000000020000000000000000000000000000000000F03F0000803F0000000000000000000000000000803F000000006C0FE03D;
--   gives 1 | 3 | 4 | 0 | 0x00000000010D000000000000084000000000000010400000000000000000 | 13 | 12
--   gives 2 | NULL | NULL | NULL | NULL | NULL | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialProject]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @basis varbinary(max) = 0x,
    @pad varchar(64) = 'no',
    @srid int = 0,
    @element varchar(64) = 'f32',
    @accumulate varchar(64) = 'f64',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_per_read int = 10000,
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
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_project',
                @input_data_1 = @input,
                @params = N'@basis varbinary(max), @pad varchar(64), @srid int, @element varchar(64), @accumulate varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @basis = @basis,
                @pad = @pad,
                @srid = @srid,
                @element = @element,
                @accumulate = @accumulate,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_project',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@basis varbinary(max), @pad varchar(64), @srid int, @element varchar(64), @accumulate varchar(64)',
                @basis = @basis,
                @pad = @pad,
                @srid = @srid,
                @element = @element,
                @accumulate = @accumulate
                WITH RESULT SETS (([id] bigint, [x] float, [y] float, [z] float, [geometry] varbinary(38), [norm] float, [residual] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_project',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@basis varbinary(max), @pad varchar(64), @srid int, @element varchar(64), @accumulate varchar(64), @r_rowsPerRead int',
                @basis = @basis,
                @pad = @pad,
                @srid = @srid,
                @element = @element,
                @accumulate = @accumulate,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [x] float, [y] float, [z] float, [geometry] varbinary(38), [norm] float, [residual] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
