using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Rlhf.Web.Serving;

/// <summary>A request that the API refuses, in the form of OpenAI's errors.</summary>
internal sealed class ApiException(int status, string message, string type, string? parameter = null, string? code = null) : Exception(message)
{
    public const string InvalidRequest = "invalid_request_error";

    public int Status => status;

    public static ApiException Invalid(string message, string? parameter, string? code = null) =>
        new(StatusCodes.Status400BadRequest, message, InvalidRequest, parameter, code);

    public static ApiException NoModel(string model) =>
        new(StatusCodes.Status404NotFound, $"The model '{model}' does not exist.", InvalidRequest, "model", "model_not_found");

    public static ApiException Busy() =>
        new(StatusCodes.Status429TooManyRequests, "Too many requests wait already; try again in a second.", "requests", code: "rate_limit_exceeded");

    public static ApiException NoKey(string message) => new(StatusCodes.Status401Unauthorized, message, InvalidRequest, code: "invalid_api_key");

    /// <summary>What went wrong while an answer was written.</summary>
    public static ApiException Of(Exception failure) => failure as ApiException
        ?? new(StatusCodes.Status500InternalServerError, failure is RunFailedException ? failure.Message : "The server failed; its log says why.",
            "server_error");

    public JsonObject ToJson() => Body(Message, type, parameter, code);

    /// <summary>The body for a refusal that has no exception of this kind.</summary>
    public static JsonObject Body(int status, string message) => Body(message, status switch
    {
        StatusCodes.Status429TooManyRequests => "requests",
        >= 500 => "server_error",
        _ => InvalidRequest,
    }, null, status == StatusCodes.Status429TooManyRequests ? "rate_limit_exceeded" : null);

    private static JsonObject Body(string message, string type, string? parameter, string? code) => new()
    {
        ["error"] = new JsonObject { ["message"] = message, ["type"] = type, ["param"] = parameter, ["code"] = code },
    };
}
