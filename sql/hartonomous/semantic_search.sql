SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- dbo.sp_SemanticSearch: a search by embedding, logged in dbo.InferenceRequests; the way of text to embedding is the
-- application's own dbo.sp_TextToEmbedding.
--
-- Result sets: the fourteen columns of the original, then InferenceId, DurationMs, ResultsCount; the latter not with @summary = 0, so that
-- INSERT ... EXEC can take the rows.
-- Mends: 1, the projection procedure was missing; of section 8, the category was applied after the cut to @top_k, and a call
-- with a text alone failed without saying why. SpatialDistance is the distance itself where no points are compared.
CREATE OR ALTER PROCEDURE dbo.sp_SemanticSearch
(
    @query_text nvarchar(max) = NULL,
    @query_embedding VECTOR(1998) = NULL,
    @query_dimension int = 768,
    @top_k int = 5,
    @category nvarchar(50) = NULL,
    @use_hybrid bit = 1,
    @summary bit = 1
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @started datetime2 = SYSUTCDATETIME();
    IF @query_embedding IS NULL
    BEGIN
        IF @query_text IS NULL
            THROW 59925, N'neither @query_embedding nor @query_text is given; expected one of them', 1;
        IF OBJECT_ID(N'dbo.sp_TextToEmbedding', N'P') IS NULL
            THROW 59926, N'@query_text needs the procedure dbo.sp_TextToEmbedding, which is not here; expected @query_embedding', 1;
        EXEC dbo.sp_TextToEmbedding
            @text = @query_text, @ModelName = NULL, @embedding = @query_embedding OUTPUT, @dimension = @query_dimension OUTPUT;
        IF @query_embedding IS NULL
            THROW 59927, N'dbo.sp_TextToEmbedding gave no embedding for @query_text', 1;
    END;

    DECLARE @method nvarchar(50) = CASE WHEN @use_hybrid = 1 THEN N'HYBRID_SPATIAL_VECTOR' ELSE N'VECTOR_ONLY' END;
    INSERT INTO dbo.InferenceRequests (TaskType, InputData, InputHash, ModelsUsed, EnsembleStrategy)
    VALUES
    (
        N'semantic_search',
        CASE WHEN @query_text IS NOT NULL
             THEN (SELECT @query_text AS queryText FOR JSON PATH, WITHOUT_ARRAY_WRAPPER) END,
        HASHBYTES('SHA2_256', @query_text),
        (SELECT @method AS searchMethod FOR JSON PATH, WITHOUT_ARRAY_WRAPPER),
        N'spatial_filter_vector_rerank'
    );
    DECLARE @inference_id bigint = SCOPE_IDENTITY();

    CREATE TABLE #found
    (
        AtomEmbeddingId bigint NOT NULL,
        AtomId bigint NOT NULL,
        Modality nvarchar(128) NULL,
        Subtype nvarchar(128) NULL,
        SourceUri nvarchar(2048) NULL,
        SourceType nvarchar(128) NULL,
        EmbeddingType nvarchar(128) NULL,
        ModelId int NULL,
        exact_distance float NULL,
        spatial_distance float NULL
    );
    IF @use_hybrid = 1
    BEGIN
        DECLARE @x float, @y float, @z float, @candidates int = COALESCE(@top_k, 5) * 10;
        EXEC dbo.sp_ComputeSpatialProjection
            @input_vector = @query_embedding, @input_dimension = @query_dimension,
            @output_x = @x OUTPUT, @output_y = @y OUTPUT, @output_z = @z OUTPUT;
        INSERT INTO #found
            (AtomEmbeddingId, AtomId, Modality, Subtype, SourceUri, SourceType, EmbeddingType, ModelId, exact_distance, spatial_distance)
        SELECT AtomEmbeddingId, AtomId, Modality, Subtype, SourceUri, SourceType, EmbeddingType, ModelId, exact_distance, spatial_distance
        FROM dbo.fn_HybridSearch(@query_embedding, @query_dimension, @x, @y, @z, @candidates, @top_k, N'cosine', NULL, NULL, @category);
    END
    ELSE
        INSERT INTO #found
            (AtomEmbeddingId, AtomId, Modality, Subtype, SourceUri, SourceType, EmbeddingType, ModelId, exact_distance, spatial_distance)
        SELECT TOP (@top_k)
            e.AtomEmbeddingId, e.AtomId, a.Modality, a.Subtype, a.SourceUri, a.SourceType, e.EmbeddingType, e.ModelId,
            d.distance, d.distance
        FROM dbo.AtomEmbeddings AS e
        JOIN dbo.Atoms AS a ON a.AtomId = e.AtomId
        CROSS APPLY (SELECT VECTOR_DISTANCE('cosine', e.EmbeddingVector, @query_embedding) AS distance) AS d
        WHERE e.EmbeddingVector IS NOT NULL
          AND e.Dimension = @query_dimension
          AND (@category IS NULL OR a.SourceType = @category OR a.Subtype = @category)
        ORDER BY d.distance, e.AtomEmbeddingId;

    DECLARE @count int = (SELECT COUNT(*) FROM #found);
    DECLARE @milliseconds int = DATEDIFF(MILLISECOND, @started, SYSUTCDATETIME());
    UPDATE dbo.InferenceRequests
    SET TotalDurationMs = @milliseconds,
        OutputMetadata =
            (SELECT N'completed' AS [status], @count AS results_count, @method AS search_method, @milliseconds AS duration_ms
             FOR JSON PATH, WITHOUT_ARRAY_WRAPPER),
        CacheHit = 0
    WHERE InferenceId = @inference_id;

    SELECT
        f.AtomEmbeddingId,
        f.AtomId,
        f.Modality,
        f.Subtype,
        f.SourceType,
        f.SourceUri,
        a.CanonicalText,
        f.EmbeddingType,
        f.ModelId,
        f.exact_distance AS CosineDistance,
        1 - f.exact_distance AS SimilarityScore,
        f.spatial_distance AS SpatialDistance,
        @method AS SearchMethod,
        @inference_id AS InferenceId
    FROM #found AS f
    JOIN dbo.Atoms AS a ON a.AtomId = f.AtomId
    ORDER BY f.exact_distance, f.AtomEmbeddingId;
    IF @summary = 1
        SELECT @inference_id AS InferenceId, @milliseconds AS DurationMs, @count AS ResultsCount;
END;
GO
