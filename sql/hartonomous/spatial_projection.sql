-- Points of embeddings, by the landmark projection of the replaced assembly (hart.SpatialProject with its built-in basis).

-- dbo.sp_InitializeSpatialAnchors: fills dbo.SpatialAnchors with three embeddings that are far from each other, if it is empty.
--
-- Mends: 1, the procedure was called and defined nowhere; 10, its first anchor was a random row. Farthest-point selection is the
-- same every time: the row farthest from the mean, then twice the row whose nearest anchor is farthest.
-- Fewer than three different embeddings give fewer anchors; none give none.
CREATE OR ALTER PROCEDURE dbo.sp_InitializeSpatialAnchors
(
    @sample_rows int = 100000
)
AS
BEGIN
    SET NOCOUNT ON;
    IF EXISTS (SELECT * FROM dbo.SpatialAnchors)
        RETURN;
    SELECT TOP (@sample_rows) AtomEmbeddingId AS id, CAST(EmbeddingVector AS varchar(max)) AS v
    INTO #anchor_candidates
    FROM dbo.AtomEmbeddings
    WHERE EmbeddingVector IS NOT NULL
    ORDER BY AtomEmbeddingId;
    CREATE TABLE #anchors ([rank] int NOT NULL, id bigint NOT NULL, distance float NULL);
    INSERT INTO #anchors ([rank], id, distance)
    EXEC [hart].[SpatialLandmarks] @source = N'SELECT id, v FROM #anchor_candidates', @count = 3;
    INSERT INTO dbo.SpatialAnchors (AnchorId, AnchorVector, AtomEmbeddingId, SelectionMethod)
    SELECT a.[rank], e.EmbeddingVector, e.AtomEmbeddingId, N'farthest-point'
    FROM #anchors AS a
    JOIN dbo.AtomEmbeddings AS e ON e.AtomEmbeddingId = a.id;
END;
GO

-- dbo.sp_ComputeSpatialProjection: the point of one vector, as AtomEmbeddingRepository and sp_SemanticSearch call it.
--
-- @input_dimension  components that count, 1 to 1998; the others are taken as the zeros that they are padded with.
-- Results: three OUTPUT parameters, never NaN; no result set.
--
-- Mends: 1, the procedure was called and defined nowhere; 7, points differed between processors. One call starts one process:
-- for many vectors call hart.SpatialProject once (dbo.sp_RecomputeAllSpatialProjections).
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
    CREATE TABLE #point
    (
        id bigint, x float, y float, z float, [geometry] varbinary(max), norm float, residual float
    );
    INSERT INTO #point (id, x, y, z, [geometry], norm, residual)
    EXEC [hart].[SpatialProject] @source = N'SELECT id, v FROM #vector', @pad = 'yes';
    SELECT @output_x = x, @output_y = y, @output_z = z FROM #point;
END;
GO

-- dbo.sp_RecomputeAllSpatialProjections: points, geometry and buckets of all embeddings, or of those without a point.
--
-- Buckets are truncated coordinates times @bucket_scale, for every caller alike; the point's SRID is 0, as in all queries.
-- Mends: 5, points with SRID 4326 beside queries with SRID 0; and, of section 8, buckets that two callers computed differently.
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
    UPDATE e
    SET SpatialProjX = p.x,
        SpatialProjY = p.y,
        SpatialProjZ = p.z,
        SpatialGeometry = CAST(p.[geometry] AS geometry),
        SpatialBucketX = CAST(p.x * @bucket_scale AS int),
        SpatialBucketY = CAST(p.y * @bucket_scale AS int),
        SpatialBucketZ = CAST(p.z * @bucket_scale AS int)
    FROM dbo.AtomEmbeddings AS e
    JOIN #points AS p ON p.id = e.AtomEmbeddingId;
END;
GO
