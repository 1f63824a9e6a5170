-- Searches over dbo.AtomEmbeddings on SQL Server 2025's own VECTOR_DISTANCE. They start no process.

SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- dbo.sp_ExactVectorSearch: the @top_k nearest rows by an exact scan.
--
-- Columns: the thirteen of the original in their order, then SpatialDistance, never NULL: the distance that the rows are
-- ordered by, for an exact search has no other.
-- Mends (sections 8 and 10): the column that the caller's row mapper asks for was missing; similarity was 1 - distance for every
-- metric; equal distances came in any order; the dimension was not looked at (@query_dimension, if given).
CREATE OR ALTER PROCEDURE dbo.sp_ExactVectorSearch
(
    @query_vector VECTOR(1998),
    @top_k int = 10,
    @distance_metric nvarchar(20) = N'cosine',
    @embedding_type nvarchar(128) = NULL,
    @ModelId int = NULL,
    @query_dimension int = NULL
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @query_vector IS NULL
        THROW 59920, N'@query_vector is NULL; expected a vector', 1;
    IF @distance_metric IS NULL OR @distance_metric NOT IN (N'cosine', N'euclidean', N'dot')
        THROW 59922, N'@distance_metric is unknown; expected cosine, euclidean or dot', 1;
    SELECT TOP (@top_k)
        e.AtomEmbeddingId,
        e.AtomId,
        a.Modality,
        a.Subtype,
        a.SourceUri,
        a.SourceType,
        a.CanonicalText,
        e.EmbeddingType,
        e.ModelId,
        e.Dimension,
        d.distance,
        CASE @distance_metric
            WHEN N'cosine' THEN 1 - d.distance
            WHEN N'dot' THEN -d.distance
            ELSE 1 / (1 + d.distance)
        END AS similarity,
        e.CreatedAt,
        d.distance AS SpatialDistance
    FROM dbo.AtomEmbeddings AS e
    JOIN dbo.Atoms AS a ON a.AtomId = e.AtomId
    CROSS APPLY (SELECT VECTOR_DISTANCE(@distance_metric, e.EmbeddingVector, @query_vector) AS distance) AS d
    WHERE e.EmbeddingVector IS NOT NULL
      AND (@embedding_type IS NULL OR e.EmbeddingType = @embedding_type)
      AND (@ModelId IS NULL OR e.ModelId = @ModelId)
      AND (@query_dimension IS NULL OR e.Dimension = @query_dimension)
    ORDER BY d.distance, e.AtomEmbeddingId;
END;
GO

-- dbo.fn_HybridSearch: the rows of dbo.sp_HybridSearch, for procedures that need them within: INSERT ... EXEC cannot be nested (8164).
-- Checks nothing, and gives the rows in no order.
CREATE OR ALTER FUNCTION dbo.fn_HybridSearch
(
    @query_vector VECTOR(1998),
    @query_dimension int,
    @query_spatial_x float,
    @query_spatial_y float,
    @query_spatial_z float,
    @spatial_candidates int,
    @final_top_k int,
    @distance_metric nvarchar(20),
    @embedding_type nvarchar(128),
    @ModelId int,
    @category nvarchar(128)
)
RETURNS TABLE
AS
RETURN
(
    WITH points AS
    (
        SELECT
            e.AtomEmbeddingId,
            COALESCE(e.SpatialProjX, e.SpatialGeometry.STX) - @query_spatial_x AS dx,
            COALESCE(e.SpatialProjY, e.SpatialGeometry.STY) - @query_spatial_y AS dy,
            COALESCE(e.SpatialProjZ, e.SpatialGeometry.Z, 0) - COALESCE(@query_spatial_z, 0) AS dz
        FROM dbo.AtomEmbeddings AS e
        JOIN dbo.Atoms AS a ON a.AtomId = e.AtomId
        WHERE e.EmbeddingVector IS NOT NULL
          AND e.Dimension = @query_dimension
          AND (@embedding_type IS NULL OR e.EmbeddingType = @embedding_type)
          AND (@ModelId IS NULL OR e.ModelId = @ModelId)
          AND (@category IS NULL OR a.SourceType = @category OR a.Subtype = @category)
    ),
    candidates AS
    (
        SELECT TOP (@spatial_candidates) AtomEmbeddingId, SQRT(dx * dx + dy * dy + dz * dz) AS spatial_distance
        FROM points
        WHERE dx IS NOT NULL AND dy IS NOT NULL
        ORDER BY dx * dx + dy * dy + dz * dz, AtomEmbeddingId
    )
    SELECT TOP (@final_top_k)
        e.AtomEmbeddingId,
        e.AtomId,
        a.Modality,
        a.Subtype,
        a.SourceUri,
        a.SourceType,
        e.EmbeddingType,
        e.ModelId,
        d.distance AS exact_distance,
        c.spatial_distance
    FROM candidates AS c
    JOIN dbo.AtomEmbeddings AS e ON e.AtomEmbeddingId = c.AtomEmbeddingId
    JOIN dbo.Atoms AS a ON a.AtomId = e.AtomId
    CROSS APPLY (SELECT VECTOR_DISTANCE(@distance_metric, e.EmbeddingVector, @query_vector) AS distance) AS d
    ORDER BY d.distance, e.AtomEmbeddingId
);
GO

-- dbo.sp_HybridSearch: the @spatial_candidates nearest points, ranked by the exact distance of their vectors.
--
-- Columns: the ten of the original. Of the true neighbours only those among the candidates are found: hart.SpatialRecall measures
-- how many, and hart.SpatialHybridSearch with @sieve = 'proven' loses none.
-- Mends: 5, the third coordinate was ignored, coordinates lost digits on the way through text; equal distances came in any order.
-- @category restricts the candidates, not the result. @srid is accepted and of no meaning: coordinates are compared as numbers.
CREATE OR ALTER PROCEDURE dbo.sp_HybridSearch
(
    @query_vector VECTOR(1998),
    @query_dimension int,
    @query_spatial_x float,
    @query_spatial_y float,
    @query_spatial_z float,
    @spatial_candidates int = 100,
    @final_top_k int = 10,
    @distance_metric nvarchar(20) = N'cosine',
    @embedding_type nvarchar(128) = NULL,
    @ModelId int = NULL,
    @srid int = 0,
    @category nvarchar(128) = NULL
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @query_vector IS NULL
        THROW 59920, N'@query_vector is NULL; expected a vector', 1;
    IF @query_spatial_x IS NULL OR @query_spatial_y IS NULL
        THROW 59923, N'the query has no point; expected @query_spatial_x and @query_spatial_y', 1;
    IF @distance_metric IS NULL OR @distance_metric NOT IN (N'cosine', N'euclidean', N'dot')
        THROW 59922, N'@distance_metric is unknown; expected cosine, euclidean or dot', 1;
    SELECT
        AtomEmbeddingId, AtomId, Modality, Subtype, SourceUri, SourceType, EmbeddingType, ModelId, exact_distance, spatial_distance
    FROM dbo.fn_HybridSearch
    (
        @query_vector, @query_dimension, @query_spatial_x, @query_spatial_y, @query_spatial_z, @spatial_candidates, @final_top_k,
        @distance_metric, @embedding_type, @ModelId, @category
    )
    ORDER BY exact_distance, AtomEmbeddingId;
END;
GO

-- dbo.sp_MultiResolutionSearch: nearest points, coarse cells first.
--
-- Columns: the eleven of the original; SpatialDistance and CoarseDistance are never NULL.
-- Mends: 5, the third coordinate was ignored; of section 8, the coarse points lay on another scale than the query, so the true
-- neighbours could be lost: rows and query are now put on the same grid of @cell_size. Rows that stage one drops are lost still
-- where @coarse_candidates is small.
CREATE OR ALTER PROCEDURE dbo.sp_MultiResolutionSearch
(
    @query_x float,
    @query_y float,
    @query_z float,
    @coarse_candidates int = 1000,
    @fine_candidates int = 100,
    @final_top_k int = 10,
    @cell_size float = 1
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @query_x IS NULL OR @query_y IS NULL
        THROW 59923, N'the query has no point; expected @query_x and @query_y', 1;
    IF @cell_size IS NULL OR @cell_size <= 0
        THROW 59924, N'@cell_size is not positive; expected the width of a coarse cell', 1;
    WITH points AS
    (
        SELECT
            e.AtomEmbeddingId,
            COALESCE(e.SpatialGeometry.STX, e.SpatialProjX) AS x,
            COALESCE(e.SpatialGeometry.STY, e.SpatialProjY) AS y,
            COALESCE(e.SpatialGeometry.Z, e.SpatialProjZ, 0) AS z
        FROM dbo.AtomEmbeddings AS e
    ),
    distances AS
    (
        SELECT
            AtomEmbeddingId,
            SQRT(SQUARE(x - @query_x) + SQUARE(y - @query_y) + SQUARE(z - COALESCE(@query_z, 0))) AS fine,
            @cell_size * SQRT(
                SQUARE(FLOOR(x / @cell_size) - FLOOR(@query_x / @cell_size))
                + SQUARE(FLOOR(y / @cell_size) - FLOOR(@query_y / @cell_size))
                + SQUARE(FLOOR(z / @cell_size) - FLOOR(COALESCE(@query_z, 0) / @cell_size))) AS coarse
        FROM points
        WHERE x IS NOT NULL AND y IS NOT NULL
    ),
    stage_one AS
    (
        SELECT TOP (@coarse_candidates) AtomEmbeddingId, fine, coarse
        FROM distances
        ORDER BY coarse, AtomEmbeddingId
    ),
    stage_two AS
    (
        SELECT TOP (@fine_candidates) AtomEmbeddingId, fine, coarse
        FROM stage_one
        ORDER BY fine, AtomEmbeddingId
    )
    SELECT TOP (@final_top_k)
        e.AtomEmbeddingId,
        e.AtomId,
        a.Modality,
        a.Subtype,
        a.SourceType,
        a.SourceUri,
        a.CanonicalText,
        e.EmbeddingType,
        e.ModelId,
        s.fine AS SpatialDistance,
        s.coarse AS CoarseDistance
    FROM stage_two AS s
    JOIN dbo.AtomEmbeddings AS e ON e.AtomEmbeddingId = s.AtomEmbeddingId
    JOIN dbo.Atoms AS a ON a.AtomId = e.AtomId
    ORDER BY s.fine, e.AtomEmbeddingId;
END;
GO
