-- Points of embeddings, by the landmark projection of the replaced assembly (hart.SpatialProject with its built-in basis).

SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- dbo.sp_InitializeSpatialAnchors: fills dbo.SpatialAnchors with three embeddings that are far from each other, if it is empty.
--
-- @sample_rows  the embeddings to choose from: that many, the oldest first.
-- @refresh      1: chooses anew where there are anchors already, as the original always did.
--
-- Mends: 1, the procedure was called and defined nowhere; 10, its first anchor was a random row. Farthest-point selection is the
-- same every time: the row farthest from the mean, then twice the row whose nearest anchor is farthest.
-- Fewer than three different embeddings give fewer anchors; none give none. Not to be run within INSERT ... EXEC (error 8164).
CREATE OR ALTER PROCEDURE dbo.sp_InitializeSpatialAnchors
(
    @sample_rows int = 100000,
    @refresh bit = 0
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @refresh = 0 AND EXISTS (SELECT * FROM dbo.SpatialAnchors)
        RETURN;
    SELECT TOP (@sample_rows) AtomEmbeddingId AS id, CAST(EmbeddingVector AS varchar(max)) AS v
    INTO #anchor_candidates
    FROM dbo.AtomEmbeddings
    WHERE EmbeddingVector IS NOT NULL
    ORDER BY AtomEmbeddingId;
    CREATE TABLE #anchors ([rank] int NOT NULL, id bigint NOT NULL, distance float NULL);
    INSERT INTO #anchors ([rank], id, distance)
    EXEC [hart].[SpatialLandmarks] @source = N'SELECT id, v FROM #anchor_candidates', @count = 3;
    -- One statement, so that nobody sees the table without anchors.
    MERGE dbo.SpatialAnchors AS target
    USING
    (
        SELECT a.[rank] AS AnchorId, e.EmbeddingVector, e.AtomEmbeddingId
        FROM #anchors AS a
        JOIN dbo.AtomEmbeddings AS e ON e.AtomEmbeddingId = a.id
    ) AS source
    ON target.AnchorId = source.AnchorId
    WHEN MATCHED THEN
        UPDATE SET AnchorVector = source.EmbeddingVector, AtomEmbeddingId = source.AtomEmbeddingId, SelectionMethod = N'farthest-point'
    WHEN NOT MATCHED THEN
        INSERT (AnchorId, AnchorVector, AtomEmbeddingId, SelectionMethod)
        VALUES (source.AnchorId, source.EmbeddingVector, source.AtomEmbeddingId, N'farthest-point')
    WHEN NOT MATCHED BY SOURCE THEN
        DELETE;
END;
GO

-- dbo.sp_ComputeSpatialProjection: the point of one vector, as AtomEmbeddingRepository and sp_SemanticSearch call it.
--
-- @input_dimension  components that count, 1 to 1998; the others are taken as the zeros that they are padded with.
-- Results: three OUTPUT parameters, never NaN; no result set.
--
-- Mends: 1, the procedure was called and defined nowhere; 7, points differed between processors. One call starts one process:
-- for many vectors call hart.SpatialProject once (dbo.sp_RecomputeAllSpatialProjections). Callers may themselves be run by INSERT ... EXEC.
CREATE OR ALTER PROCEDURE dbo.sp_ComputeSpatialProjection
(
    @input_vector VECTOR(1998),
    @input_dimension int,
    @output_x float OUTPUT,
    @output_y float OUTPUT,
    @output_z float OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @input_vector IS NULL
        THROW 59920, N'@input_vector is NULL; expected a vector', 1;
    IF @input_dimension IS NULL OR @input_dimension NOT BETWEEN 1 AND 1998
        THROW 59921, N'@input_dimension is out of range; expected 1 to 1998', 1;
    SELECT CAST(1 AS bigint) AS id, CAST(@input_vector AS varchar(max)) AS v INTO #vector;
    DECLARE @rows varchar(max) = '';
    EXEC [hart].[SpatialProject] @source = N'SELECT id, v FROM #vector', @pad = 'yes', @rows_json = @rows OUTPUT;
    SELECT @output_x = x, @output_y = y, @output_z = z
    FROM OPENJSON(@rows) WITH (x float, y float, z float);
END;
GO

-- dbo.sp_StoreSpatialPoints: writes the rows of the caller's table #points (id, x, y, z, [geometry]) to dbo.AtomEmbeddings.
--
-- For all writers of points alike: buckets are coordinates times @bucket_scale, rounded down as hart.SpatialBuckets does, SpatialCoarse is the bucket's point, and
-- the SRID is 0, as in all queries.
-- Mends: 5, points with SRID 4326 beside queries with SRID 0; and, of section 8, buckets that two callers computed differently, and coarse
-- points on another scale than the points: their whole numbers were 0 or -1 for nearly every row. Buckets were truncated towards 0, so
-- that those around 0 were twice as wide: stored ones change with the next sp_RecomputeAllSpatialProjections.
CREATE OR ALTER PROCEDURE dbo.sp_StoreSpatialPoints
(
    @bucket_scale float = 1000
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @bucket_scale IS NULL OR @bucket_scale <= 0
        THROW 59924, N'@bucket_scale is not positive; expected buckets per unit of length', 1;
    DECLARE @far float = (SELECT MAX(GREATEST(ABS(x), ABS(y), ABS(z))) FROM #points);
    IF @far * @bucket_scale >= 2147483647
    BEGIN
        DECLARE @message nvarchar(400) =
            CONCAT(N'@bucket_scale is ', @bucket_scale, N', but a coordinate is ', @far, N'; expected a product below 2147483647');
        SET @message = REPLACE(LEFT(@message, 200), N'%', N'%%');
        THROW 59924, @message, 1;
    END;
    UPDATE e
    SET SpatialProjX = p.x,
        SpatialProjY = p.y,
        SpatialProjZ = p.z,
        SpatialGeometry = CAST(p.[geometry] AS geometry),
        SpatialCoarse = geometry::STGeomFromText(
            CONCAT(N'POINT (', CONVERT(nvarchar(40), b.x / @bucket_scale, 3), N' ', CONVERT(nvarchar(40), b.y / @bucket_scale, 3), N' ',
                   CONVERT(nvarchar(40), b.z / @bucket_scale, 3), N')'), 0),
        SpatialBucketX = b.x,
        SpatialBucketY = b.y,
        SpatialBucketZ = b.z
    FROM dbo.AtomEmbeddings AS e
    JOIN #points AS p ON p.id = e.AtomEmbeddingId
    CROSS APPLY
        (SELECT CAST(FLOOR(p.x * @bucket_scale) AS int) AS x,
                CAST(FLOOR(p.y * @bucket_scale) AS int) AS y,
                CAST(FLOOR(p.z * @bucket_scale) AS int) AS z) AS b;
END;
GO

-- dbo.sp_RecomputeAllSpatialProjections: points, geometry and buckets of all embeddings, or of those without a point. Not to be run by
-- INSERT ... EXEC (error 8164).
CREATE OR ALTER PROCEDURE dbo.sp_RecomputeAllSpatialProjections
(
    @only_missing bit = 0,
    @bucket_scale float = 1000
)
AS
BEGIN
    SET NOCOUNT ON;
    SELECT AtomEmbeddingId AS id, CAST(EmbeddingVector AS varchar(max)) AS v
    INTO #embeddings
    FROM dbo.AtomEmbeddings
    WHERE EmbeddingVector IS NOT NULL AND (@only_missing = 0 OR SpatialProjX IS NULL);
    CREATE TABLE #points
    (
        id bigint NOT NULL PRIMARY KEY, x float, y float, z float, [geometry] varbinary(max), norm float, residual float
    );
    INSERT INTO #points (id, x, y, z, [geometry], norm, residual)
    EXEC [hart].[SpatialProject] @source = N'SELECT id, v FROM #embeddings', @pad = 'yes';
    EXEC dbo.sp_StoreSpatialPoints @bucket_scale = @bucket_scale;
END;
GO
